//! Generated Envoy configuration before a real Envoy: goldens, validation, and calls that reach their clusters.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

mod accept;
mod dns;
mod fakes;
mod golden;
mod matcher;
mod proxied;
mod reach;
mod recorded;
mod sidecar;
mod snapshots;
mod tunings;
mod validate;
