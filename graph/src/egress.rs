//! Egress model.
