//! The way in: everything that touches the outside before spans become segments.

pub mod decode;
pub mod input;
pub mod replay;

#[cfg(test)]
mod testing;
