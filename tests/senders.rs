//! Real senders in front of `tracemesh collect`: SDKs of four languages, the OpenTelemetry Collector's exporters and
//! `telemetrygen`, over real sockets, to the last span and to the exact graph.
//!
//! Every sender makes the same company under a name of its own: `web` calls `cart`, `cart` calls `stock`, `stock` asks a
//! database. Its services have tracer providers, exporters and connections of their own, and hand the context on in
//! headers. What they are built from is pinned below `tests/senders/` and installed once beside the build.

mod company;
mod exporters;
mod generator;
mod hog;
mod refusals;
mod sdks;
mod tools;
