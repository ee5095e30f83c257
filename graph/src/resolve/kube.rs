//! Kubernetes service names: `name[.namespace[.svc[.cluster.local]]]` (inference rule 1.5.4).

use std::collections::BTreeSet;

/// A Kubernetes service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KubeName {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// Reads a dialled host as a Kubernetes service name.
///
/// `name.ns.svc` and longer are certain. `name.ns` counts only when `ns` is a known namespace, `name` alone only when the
/// caller's namespace is known: both could be names of any other DNS zone. A pod of a stateful set
/// (`pod-0.name.ns.svc`) is no service name and stays as dialled.
pub(super) fn parse(
    host: &str,
    caller_namespace: Option<&str>,
    known: &BTreeSet<String>,
) -> Option<KubeName> {
    let kube = |name: &str, namespace: &str| {
        let is_name = !name.is_empty() && !namespace.is_empty();
        is_name.then(|| KubeName {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    };
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [name, ns, "svc"] | [name, ns, "svc", "cluster", "local"] => kube(name, ns),
        [name, ns] if known.contains(*ns) => kube(name, ns),
        [name] if host.parse::<std::net::IpAddr>().is_err() && *name != "localhost" => {
            kube(name, caller_namespace?)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_service_name_is_one_name() {
        let known = BTreeSet::from(["shop".to_owned()]);
        let all = [
            "cart",
            "cart.shop",
            "cart.shop.svc",
            "cart.shop.svc.cluster.local",
        ];
        for host in all {
            let name = parse(host, Some("shop"), &known).expect("a service name");
            assert_eq!(
                (name.name.as_str(), name.namespace.as_str()),
                ("cart", "shop"),
                "{host}"
            );
        }
    }

    #[test]
    fn names_of_other_zones_are_left_alone() {
        let known = BTreeSet::from(["shop".to_owned()]);
        for host in [
            "example.com",
            "api.shop.example.com",
            "10.0.0.1",
            "localhost",
            "pod-0.db.shop.svc",
        ] {
            assert_eq!(parse(host, Some("shop"), &known), None, "{host}");
        }
        assert_eq!(parse("cart", None, &known), None);
    }
}
