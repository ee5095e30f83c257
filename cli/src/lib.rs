//! The command line of tracemesh: arguments, rendering of models to text, human output and exit codes.
//!
//! The only crate that prints, reads the environment or exits. Everything it shows comes from
//! `tracemesh-collector` (segments, trace files) and `tracemesh-graph` (snapshot, egress model, onboarding plan).

pub mod args;
pub mod commands;
pub mod config;
pub mod error;
pub mod findings;
pub mod inventory;
mod kube_name;
pub mod onboarding_status;
pub mod output;
pub mod output_dir;
pub mod policy;
pub mod render;
pub mod selection;
pub mod terminal;
pub mod text;
pub mod verify;
