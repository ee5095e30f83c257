//! What benchmarks have in common: the corpus that they feed and the clock that they read.
//!
//! ```text
//! generator (world, traffic) --> corpus (OTLP requests as exporters send them) --> the stage under test
//! ```
//! Everything follows from a seed, so that two runs measure the same bytes. Nothing that is shipped depends on this crate.

pub mod corpus;
pub mod wire;

/// That of the `tracemesh` binary. What is compared with it gains more from it than we do: a baseline deserves the better allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Nanoseconds of processor time that the calling thread has used; 0 where the system does not tell.
#[must_use]
pub fn cpu_ns() -> u64 {
    schedule(0)
}

/// How often the calling thread was given a processor; 0 where the system does not tell. What was measured while it did not change
/// was not interrupted.
#[must_use]
pub fn turns() -> u64 {
    schedule(2)
}

fn schedule(field: usize) -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let told = told.split_whitespace().nth(field);
    told.and_then(|text| text.parse().ok()).unwrap_or_default()
}
