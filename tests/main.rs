//! End-to-end tests of the `tracemesh` binary, over real files, real sockets and a real Envoy.

mod envoy;
mod harness;
mod scenarios;
