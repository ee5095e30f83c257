//! Options that say how traces were sampled, where the spans do not.

use clap::Args;

/// Sources of sampling weights beside `ot=th` in the trace state, `sampler.param` and `SampleRate`.
#[derive(Debug, Clone, Default, Args)]
pub struct SamplingArgs {
    /// Span attribute that holds the probability of having been sampled, above 0 and up to 1; may be repeated
    #[arg(long, value_name = "KEY", help_heading = "Sampling")]
    pub sampling_ratio_attribute: Vec<String>,
    /// Span attribute that holds how many spans one stands for, at least 1; may be repeated
    #[arg(long, value_name = "KEY", help_heading = "Sampling")]
    pub sampling_rate_attribute: Vec<String>,
    /// Probability with which a service samples, for spans that tell nothing themselves: `cart=0.1` or `shop/cart=0.1`;
    /// may be repeated
    #[arg(long, value_name = "NAME=PROBABILITY", help_heading = "Sampling")]
    pub service_sampling: Vec<String>,
}

impl SamplingArgs {
    /// True when none was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sampling_ratio_attribute.is_empty()
            && self.sampling_rate_attribute.is_empty()
            && self.service_sampling.is_empty()
    }
}
