//! Acceptance: what the generator promises, called for on a real Envoy that runs the generated files.
//!
//! The kernel's redirect is replaced by a PROXY protocol header, names resolve to fakes on 127/8 with the real ports;
//! everything else is as generated. What must happen is derived from the ground truth of a recording or stated by the
//! test, never from the renderer. Proofs are counters: a call that takes the wrong way would succeed all the same.
//! `mutations` proves that the proofs would notice.

mod app;
mod case;
mod client;
mod mutations;
mod shop;
mod swap;
mod tuned;
