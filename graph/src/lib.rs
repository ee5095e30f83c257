//! The pure domain of tracemesh.
//!
//! ```text
//! SpanView -> SpanRecord -> trace slice -> Call -> Segment -> GraphSnapshot -> egress model
//!                                                                          \-> onboarding plan
//! ```
//! No I/O, async, clock, environment or wire format: time and settings are arguments, wire bytes stay in
//! `tracemesh-collector`, and text for people or machines is made in `tracemesh`.

pub mod attribute;
pub mod collapse;
pub mod diff;
pub mod doctor;
pub mod egress;
pub mod explain;
pub mod findings;
pub mod hazards;
pub mod identity;
pub mod inventory;
mod names;
pub mod observed;
pub mod onboarding;
pub mod peer;
pub mod policy;
pub mod record;
mod resolve;
mod resource;
pub mod sampling;
pub mod segment;
pub mod select;
pub mod settings;
pub mod shard;
mod sketch;
mod slice;
pub mod snapshot;
pub mod span;
pub mod tabular;
mod tally;
pub mod text;
pub mod time;
pub mod verify;
