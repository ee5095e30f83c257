//! Models to text. Every renderer is a pure function: same model, same bytes.

pub mod dot;
pub mod envoy;
pub mod onboarding;
pub mod table;
