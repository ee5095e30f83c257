//! Renderer: dot.
