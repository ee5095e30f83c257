//! Measuring a server from outside: what is sent, who sends it, and what the server's process used.
//!
//! ```text
//! corpus --> recording (times of today, due times, truth) --> load (encoded, compressed) --> client ==> server process
//!                                                                                             \-> usage, metrics, score
//! ```
//! Everything that a client could spend time on is done before the first byte is sent. Nothing here looks into a server other
//! than by its ports and `/proc`, so that any OTLP receiver can be measured by the same means.

pub mod client;
pub mod load;
pub mod metrics;
pub mod process;
pub mod recording;
pub mod score;

/// Whatever ended a measurement: a benchmark stops at the first fault.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;
