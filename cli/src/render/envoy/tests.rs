//! Properties of whole file sets; the single parts have tests of their own, and a real Envoy reads the rest.
