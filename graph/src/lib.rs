//! The pure domain of tracemesh.
//!
//! ```text
//! SpanView -> SpanRecord -> trace slice -> Call -> Segment -> GraphSnapshot -> egress model
//!                                                                          \-> onboarding plan
//! ```
//! No I/O, async, clock, environment or wire format: time and settings are arguments, wire bytes stay in
//! `tracemesh-collector`, and text for people or machines is made in `tracemesh`.

pub mod attribute;
pub mod egress;
pub mod onboarding;
pub mod record;
pub mod segment;
pub mod settings;
pub mod shard;
pub mod snapshot;
pub mod span;
pub mod time;
