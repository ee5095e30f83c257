//! What benchmarks have in common: the corpora that they feed, the ways of a span that they time, and the clocks that they read.
//!
//! ```text
//! generator (world, traffic) --> corpus (OTLP requests as exporters send them) --> stages, naive --> ab (times, ratios)
//!                            \-> expected (what must come out) -----------------> asserted by every stage
//! wire: corpus --> client ==> servers as processes of their own, measured from outside
//! company (records of a large graph) --> segments --> store and snapshot benchmarks
//! ```
//! Everything follows from a seed, so that two runs measure the same bytes. Nothing that is shipped depends on this crate.

pub mod ab;
pub mod company;
pub mod corpus;
mod measure;
pub mod naive;
pub mod receive;
pub mod stages;
pub mod wire;

pub use measure::{cpu_ns, numbers, peak_mib, process_cpu_ms, resident_bytes, turns, wall_ns};

/// That of the `tracemesh` binary. What is compared with it gains more from it than we do: a baseline deserves the better allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
