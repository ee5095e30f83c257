//! Renderer: table.
