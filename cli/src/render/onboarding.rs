//! Renderer: onboarding.
