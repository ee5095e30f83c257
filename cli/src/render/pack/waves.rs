//! One kustomization per wave of the onboarding plan: the packs of its services as one component.
//!
//! A reader adds the component of a wave to the kustomization that has the workloads, and nothing else changes. It holds paths
//! and names only, so it changes when the wave does.

use crate::render::envoy::yaml::{list, map};
use crate::text::{count_of, counted, printable};

/// Directory of a wave.
#[must_use]
pub fn directory(wave: u32) -> String {
    format!("wave-{wave:02}")
}

/// The kustomization of a wave: `components` are paths of packs as seen from its directory, `missing` node ids of services without
/// one. None when there is no pack at all.
#[must_use]
pub fn kustomization(wave: u32, components: &[String], missing: &[&str]) -> Option<String> {
    if components.is_empty() {
        return None;
    }
    let mut header = format!(
        "# Wave {wave} of the onboarding plan: the packs of {}. Add this component to the kustomization that has\n\
         # their workloads, after those of the waves before.\n",
        counted(count_of(components.len()), "service", "services")
    );
    for service in missing {
        header.push_str(&format!(
            "# Not in it, because no workload is known: {}\n",
            printable(service)
        ));
    }
    let component = map([
        ("apiVersion", "kustomize.config.k8s.io/v1alpha1".into()),
        ("kind", "Component".into()),
        ("components", list(components.iter().map(String::as_str))),
    ]);
    Some(component.to_yaml_after(&header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_names_its_packs_and_who_has_none() {
        let packs = ["../../../egress/services/prod/shop/cart/onboarding".to_owned()];
        let text = kustomization(3, &packs, &["service/a\nkind: Pod", "service/b"]).unwrap();
        expect(&text);
        assert_eq!(kustomization(3, &[], &["service/b"]), None);
    }

    fn expect(text: &str) {
        let expected = "\
# Wave 3 of the onboarding plan: the packs of 1 service. Add this component to the kustomization that has
# their workloads, after those of the waves before.
# Not in it, because no workload is known: service/a\\nkind: Pod
# Not in it, because no workload is known: service/b
apiVersion: \"kustomize.config.k8s.io/v1alpha1\"
kind: \"Component\"
components:
- \"../../../egress/services/prod/shop/cart/onboarding\"
";
        assert_eq!(text, expected);
    }
}
