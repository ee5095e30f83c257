//! The Online Boutique graph of public traces, whose best plan is proven.

use super::*;

pub(super) fn online_boutique() -> PlanInput {
    let text = include_str!("../../../../fixtures/onboarding/online-boutique.json");
    serde_json::from_str(text).unwrap()
}

fn services(plan: &Plan) -> impl Iterator<Item = &PlannedService> {
    plan.waves.iter().flat_map(|wave| &wave.services)
}

#[test]
fn online_boutique_has_the_expected_risks() {
    let plan = checked(&online_boutique());
    let mut risks: Vec<(String, String)> = services(&plan)
        .map(|s| {
            (
                s.service.replace("service/", ""),
                format!("{:.3}", s.risk.score),
            )
        })
        .collect();
    risks.sort_by(|a, b| b.1.cmp(&a.1));
    let expected = [
        ("frontend", "0.525"),
        ("cart", "0.516"),
        ("productcatalog", "0.490"),
        ("currency", "0.446"),
        ("recommendation", "0.370"),
        ("ad", "0.257"),
        ("payment", "0.225"),
        ("shipping", "0.189"),
        ("checkout", "0.170"),
        ("email", "0.100"),
    ];
    let expected = expected.map(|(id, risk)| (id.to_owned(), risk.to_owned()));
    assert_eq!(risks, expected);
}

#[test]
fn online_boutique_has_the_expected_amplification() {
    let plan = checked(&online_boutique());
    let load = |id: &str| {
        let service = services(&plan).find(|s| s.service == format!("service/{id}"));
        format!("{:.2}", service.unwrap().amplification.mean)
    };
    for (id, expected) in [
        ("payment", "9.00"),
        ("email", "9.00"),
        ("shipping", "4.51"),
        ("productcatalog", "3.88"),
        ("cart", "3.46"),
        ("currency", "3.24"),
        ("ad", "3.00"),
        ("frontend", "1.00"),
    ] {
        assert_eq!(load(id), expected, "{id}");
    }
}

#[test]
fn online_boutique_gets_the_proven_optimum() {
    let plan = checked(&online_boutique());
    let waves: Vec<Vec<&str>> = plan
        .waves
        .iter()
        .map(|wave| {
            let mut names: Vec<&str> = wave
                .services
                .iter()
                .map(|s| s.service.strip_prefix("service/").unwrap())
                .collect();
            names.sort_unstable();
            names
        })
        .collect();
    let expected: [&[&str]; 7] = [
        &["payment", "shipping"],
        &["ad", "checkout"],
        &["email", "recommendation"],
        &["productcatalog"],
        &["frontend"],
        &["currency"],
        &["cart"],
    ];
    assert_eq!(waves, expected);
    assert_eq!(format!("{:.4}", plan.summary.objective), "5.1180");
    assert_eq!(plan.summary.exceptions, 0);
}
