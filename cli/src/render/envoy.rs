//! Renderer: envoy.
