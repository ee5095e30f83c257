//! The way in: everything that touches the outside before spans become segments.
//!
//! ```text
//! trace files, stdin --input--> decode --> records --> one shard ------------------+
//!                      (replay)                                                     +--> Segment --> store
//! OTLP gRPC, HTTP --receiver--> decode --> records --pipeline--> shards 0..n --serve+
//! ```
//! Bytes from outside are hostile: every size is bounded, every drop is counted with its reason, and one bad span costs
//! that span only. What spans mean is decided in `tracemesh-graph`; what people see is made in `tracemesh`.

mod clock;
pub mod decode;
pub mod input;
pub mod pipeline;
mod receiver;
pub mod replay;
pub mod serve;
pub mod store;
mod telemetry;

pub use receiver::http::{Origin, OriginFault};
pub use receiver::{ReceiverLimits, Totals};

#[cfg(test)]
mod testing;
