//! End-to-end tests of the `tracemesh` binary, over real files, real sockets and a real Envoy.

mod between;
mod calendar;
mod collect;
mod commands;
mod dependency_rules;
mod docs;
mod envoy;
mod exports;
mod findings;
mod harness;
mod hazards;
mod hostile;
mod inventory;
mod istio;
mod object_store;
mod observability;
mod onboard;
mod onboarding_schema;
mod pack;
mod policy;
mod reports;
mod scenarios;
mod shop;
mod store_sql;
mod verify;
