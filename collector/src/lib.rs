//! The way in: everything that touches the outside before spans become segments.
