//! Options about sampling to rules, and whether anything came of them.

use tracemesh_graph::sampling::SamplingRules;
use tracemesh_graph::snapshot::GraphSnapshot;

use crate::args::SamplingArgs;
use crate::error::CliError;
use crate::output::Output;
use crate::text::{counted, printable};

/// The rules that the options give, checked before anything is read. All faults are told at once.
pub(super) fn rules(arguments: &SamplingArgs) -> Result<SamplingRules, CliError> {
    let rules = SamplingRules::new(
        &arguments.sampling_ratio_attribute,
        &arguments.sampling_rate_attribute,
        &arguments.service_sampling,
    );
    rules.map_err(|faults| {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        CliError::new(format!("the sampling options cannot be used: {}", told.join("; "))).hint(
            "`--sampling-ratio-attribute` and `--sampling-rate-attribute` take attributes that mean nothing else, \
             `--service-sampling` takes `NAME=PROBABILITY` such as `shop/cart=0.1`, once per service",
        )
    })
}

/// Refuses options that would have no effect: weights are settled when spans are read.
pub(super) fn refuse(arguments: &SamplingArgs) -> Result<(), CliError> {
    if arguments.is_empty() {
        return Ok(());
    }
    Err(
        CliError::new("the sampling options say nothing about a snapshot or a store").hint(
            "weights are settled when spans are read: give these options with `--traces`, to `tracemesh analyze` or to `tracemesh collect`",
        ),
    )
}

/// Notes the services that a rate was given for and that no span names: a typing error would otherwise go unseen.
pub(super) fn note_unused(rules: &SamplingRules, graph: &GraphSnapshot, output: &mut Output<'_>) {
    let is_used = |rule: &str| {
        let mut services = graph.diagnostics.per_service.iter();
        services.any(|service| {
            let node = graph.node(&service.service);
            node.is_some_and(|node| SamplingRules::is_meant(rule, &node.namespace, &node.name))
        })
    };
    let unused: Vec<&str> = rules.services().filter(|rule| !is_used(rule)).collect();
    if let Some(example) = unused.first() {
        output.note(&format!(
            "no span belongs to {} of `--service-sampling`, such as `{}`",
            counted(crate::text::count_of(unused.len()), "service", "services"),
            printable(example)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(ratio: &[&str], services: &[&str]) -> SamplingArgs {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        SamplingArgs {
            sampling_ratio_attribute: owned(ratio),
            service_sampling: owned(services),
            ..SamplingArgs::default()
        }
    }

    #[test]
    fn all_faults_are_one_error_with_a_way_out() {
        let error = rules(&arguments(&["http.method"], &["cart", "web=7"])).unwrap_err();
        let told = error.lines().join("\n");
        for fault in ["`http.method`", "`cart`", "`7` for service `web`", "hint:"] {
            assert!(told.contains(fault), "{fault} is not in\n{told}");
        }
    }

    #[test]
    fn options_without_effect_are_refused() {
        assert!(refuse(&SamplingArgs::default()).is_ok());
        let error = refuse(&arguments(&[], &["cart=0.5"])).unwrap_err();
        assert!(error.lines().join(" ").contains("--traces"));
    }
}
