//! What benchmarks have in common: the corpus that they feed and the clock that they read.
//!
//! ```text
//! generator (world, traffic) --> corpus (OTLP requests as exporters send them) --> the stage under test
//! ```
//! Everything follows from a seed, so that two runs measure the same bytes. Nothing that is shipped depends on this crate.

pub mod corpus;

/// Nanoseconds of processor time that the calling thread has used; 0 where the system does not tell.
#[must_use]
pub fn cpu_ns() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = told.split_whitespace().next();
    first.and_then(|text| text.parse().ok()).unwrap_or_default()
}
