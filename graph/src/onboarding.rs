//! Onboarding order.
