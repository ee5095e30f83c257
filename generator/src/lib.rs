//! Made-up companies with a known true graph, for tests and benchmarks.
//!
//! ```text
//! Options --> World --> Traffic --> Request (spans, facts) --> Degradation --> exporters --> the tool under test
//!                                      \-> Truth --------------------------------------------> score
//! ```
//! The world says who calls whom and with which SDK; traffic is an iterator, so that millions of spans need no more
//! memory than one request. Everything follows from a seed, on every machine.
//!
//! Planning starts where inference ends: [`plan_graphs`] makes up service graphs without spans, and [`placement`] has reference answers
//! to the problem behind an onboarding plan.
//!
//! This crate knows what SDKs, proxies and exporters emit and nothing of inference: it depends on no other crate, so
//! that it cannot repeat the mistakes of what it judges. Nothing that is shipped depends on it.

pub mod degrade;
pub mod export;
pub mod placement;
pub mod plan_graphs;
pub mod random;
pub mod span;
pub mod traffic;
pub mod truth;
pub mod world;
