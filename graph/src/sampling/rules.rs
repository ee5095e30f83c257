//! What a user tells about sampling that spans do not tell by the built-in attributes.

use std::collections::BTreeMap;

use super::is_weight;
use crate::attribute::{Key, KeyAliases};
use crate::identity::NodeKey;

/// Configured sources of sampling weights. The built-in ones (`ot=th` in the trace state, `sampler.param`, `SampleRate`)
/// hold beside them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SamplingRules {
    aliases: KeyAliases,
    /// `name` or `namespace/name` -> weight.
    services: BTreeMap<String, f32>,
}

/// Why a rule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SamplingFault {
    /// An attribute without name.
    #[error("an attribute key is empty")]
    EmptyKey,
    /// The attribute means something else already.
    #[error("attribute `{key}` is already read as `{meaning}`, and cannot be {wanted} as well")]
    Taken {
        /// The attribute.
        key: String,
        /// The key that it stands for.
        meaning: &'static str,
        /// What it was to be.
        wanted: &'static str,
    },
    /// Not `NAME=PROBABILITY`.
    #[error("`{rule}` is no rate of a service: give `NAME=PROBABILITY`, such as `shop/cart=0.1`")]
    Shape {
        /// As given.
        rule: String,
    },
    /// The probability is no number above 0 and up to 1, or so small that a weight would be a billion.
    #[error(
        "`{probability}` for service `{service}` is no probability above 0.000000001 and up to 1"
    )]
    Probability {
        /// The service.
        service: String,
        /// As given.
        probability: String,
    },
    /// One service, two rates.
    #[error("service `{service}` has two rates")]
    Twice {
        /// The service.
        service: String,
    },
}

impl SamplingRules {
    /// Rules from attributes that hold a probability, attributes that hold its inverse, and `NAME=PROBABILITY` per service,
    /// where NAME is `service.name` or `namespace/name`.
    ///
    /// # Errors
    /// All faults of all rules, in the order given.
    pub fn new(
        ratio_attributes: &[String],
        rate_attributes: &[String],
        services: &[String],
    ) -> Result<Self, Vec<SamplingFault>> {
        let mut rules = Self::default();
        let mut faults = Vec::new();
        let ratios = ratio_attributes
            .iter()
            .map(|name| (name, Key::SamplerParam, "a sampling ratio"));
        let rates = rate_attributes
            .iter()
            .map(|name| (name, Key::SampleRate, "a sampling rate"));
        for (name, key, wanted) in ratios.chain(rates) {
            faults.extend(rules.attribute(name, key, wanted).err());
        }
        for rule in services {
            faults.extend(rules.service(rule).err());
        }
        if faults.is_empty() {
            Ok(rules)
        } else {
            Err(faults)
        }
    }

    fn attribute(
        &mut self,
        name: &str,
        key: Key,
        wanted: &'static str,
    ) -> Result<(), SamplingFault> {
        if name.trim().is_empty() {
            return Err(SamplingFault::EmptyKey);
        }
        let added = self.aliases.add(name, key);
        added.map_err(|meaning| SamplingFault::Taken {
            key: name.to_owned(),
            meaning: meaning.name(),
            wanted,
        })
    }

    fn service(&mut self, rule: &str) -> Result<(), SamplingFault> {
        // A name may hold `=`, a number cannot.
        let parts = rule.rsplit_once('=').filter(|(name, _)| !name.is_empty());
        let Some((service, text)) = parts else {
            let rule = rule.to_owned();
            return Err(SamplingFault::Shape { rule });
        };
        let probability = text.trim().parse().ok().filter(|p| *p > 0.0 && *p <= 1.0);
        let weight = probability.map(|p: f64| 1.0 / p).filter(is_weight);
        let Some(weight) = weight.map(super::narrow) else {
            return Err(SamplingFault::Probability {
                service: service.to_owned(),
                probability: text.to_owned(),
            });
        };
        match self.services.insert(service.to_owned(), weight) {
            None => Ok(()),
            Some(_) => Err(SamplingFault::Twice {
                service: service.to_owned(),
            }),
        }
    }

    /// The configured names of attributes.
    #[must_use]
    pub const fn aliases(&self) -> &KeyAliases {
        &self.aliases
    }

    /// The services that have a rate, as they were named.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// True when a service of this namespace and name is meant by `rule`.
    #[must_use]
    pub fn is_meant(rule: &str, namespace: &str, name: &str) -> bool {
        let qualified = rule
            .strip_prefix(namespace)
            .and_then(|rest| rest.strip_prefix('/'));
        rule == name || (!namespace.is_empty() && qualified == Some(name))
    }

    /// The configured weight of a node's spans; a rate for the name with its namespace goes first.
    pub(crate) fn weight_of(&self, node: &NodeKey) -> Option<f32> {
        if self.services.is_empty() {
            return None;
        }
        let name = node.display_name();
        let qualified = self.services.get(&format!("{}/{name}", node.namespace));
        qualified.or_else(|| self.services.get(name)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ratio: &[&str], rate: &[&str], services: &[&str]) -> Result<SamplingRules, Vec<String>> {
        let owned = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        SamplingRules::new(&owned(ratio), &owned(rate), &owned(services))
            .map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults = of(
            &["", "http.method", "x", "SampleRate"],
            &["x", "sampler.param"],
            &[
                "cart", "=0.5", "a=0", "b=2", "c=NaN", "d=1e-300", "e=1", "e=0.5",
            ],
        );
        let faults = faults.unwrap_err();
        assert_eq!(faults.len(), 12, "{faults:#?}");
        assert!(faults[1].contains("`http.method` is already read as `http.method`"));
        assert!(faults[3].contains("`x` is already read as `sampler.param`"));
        assert!(
            faults[11].contains("service `e` has two rates"),
            "{faults:#?}"
        );
    }

    #[test]
    fn names_with_a_namespace_go_before_names_alone() {
        let rules = of(&[], &[], &["cart=0.5", "shop/cart=0.1", "a=b=1"]).unwrap();
        let weight = |namespace: &str, name: &str| {
            rules.weight_of(&NodeKey {
                environment: String::new(),
                namespace: namespace.to_owned(),
                name: crate::identity::NodeName::Service(name.to_owned()),
            })
        };
        assert_eq!(weight("shop", "cart"), Some(10.0));
        assert_eq!(weight("other", "cart"), Some(2.0));
        assert_eq!(weight("", "a=b"), Some(1.0));
        assert_eq!(weight("", "b"), None);
        assert!(SamplingRules::is_meant("shop/cart", "shop", "cart"));
        assert!(!SamplingRules::is_meant("shop/cart", "", "cart"));
    }

    #[test]
    fn built_in_attributes_may_be_named_again() {
        let rules = of(&["sampler.param", "my.ratio"], &["SampleRate"], &[]).unwrap();
        assert_eq!(rules.aliases().lookup("my.ratio"), Some(Key::SamplerParam));
        assert_eq!(rules.aliases().lookup("my.other"), None);
    }
}
