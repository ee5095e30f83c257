//! Patterns against a small graph.

use jiff::civil::date;

use super::*;
use crate::onboarding::{PlanInput, Severity, Status};
use crate::snapshot::testing::{edge, node, snapshot};
use crate::snapshot::{GraphSnapshot, Node};

fn service(namespace: &str, name: &str) -> Node {
    Node {
        namespace: namespace.to_owned(),
        ..node(&format!("service/{namespace}/{name}"))
    }
}

/// `shop/web`, `shop/cart` and `pay/cart`, and a database that no pattern of onboarding means.
fn graph() -> GraphSnapshot {
    let mut made = snapshot(Vec::new(), Vec::new());
    made.nodes = vec![
        node("database/redis@cart:6379"),
        service("pay", "cart"),
        service("shop", "cart"),
        service("shop", "web"),
    ];
    made
}

fn pattern(text: &str) -> ServicePattern {
    ServicePattern(text.to_owned())
}

fn rule(text: &str, line: usize) -> OnboardingRule {
    OnboardingRule::new(pattern(text), line)
}

fn unmatched(line: usize, pattern: &str, why: Unmet) -> Unmatched {
    Unmatched {
        line,
        pattern: pattern.to_owned(),
        why,
    }
}

#[test]
fn a_name_decides_before_a_pattern_wherever_it_stands() {
    let named = OnboardingRule {
        team: Some("carts".to_owned()),
        ..rule("shop/cart", 1)
    };
    let all = OnboardingRule {
        team: Some("everyone".to_owned()),
        tier: Some(2),
        ..rule("shop/*", 2)
    };
    let policy = OnboardingPolicy {
        services: vec![named, all],
        ..OnboardingPolicy::default()
    };
    let (options, unmatched) = policy.plan_options(&graph());
    assert_eq!(unmatched, []);
    let facts = &options.facts;
    assert_eq!(facts.len(), 2);
    let cart = &facts["service/shop/cart"];
    assert_eq!((cart.team.as_deref(), cart.tier), (Some("carts"), Some(2)));
    let web = &facts["service/shop/web"];
    assert_eq!(web.team.as_deref(), Some("everyone"));
}

#[test]
fn when_a_service_joins_is_decided_as_a_whole() {
    let excluded = OnboardingRule {
        exclude: Some(Exclusion {
            reason: "goes away".to_owned(),
            owner: "me".to_owned(),
        }),
        ..rule("*cart", 1)
    };
    let pinned = OnboardingRule {
        pins: Pins {
            wave: Some(3),
            ..Pins::NONE
        },
        ..rule("shop/cart", 2)
    };
    let policy = OnboardingPolicy {
        services: vec![pinned, excluded],
        ..OnboardingPolicy::default()
    };
    let (options, _) = policy.plan_options(&graph());
    let cart = &options.facts["service/shop/cart"];
    assert_eq!((cart.status, cart.pins.wave), (Status::Pending, Some(3)));
    let other = &options.facts["service/pay/cart"];
    assert_eq!(other.status, Status::Excluded);
}

#[test]
fn of_one_hazard_the_name_says_how_bad_it_is_or_that_it_is_fixed() {
    let hazard = |code: &str, severity| Hazard {
        code: code.to_owned(),
        severity,
    };
    let all = OnboardingRule {
        hazards: vec![hazard("a", Severity::High), hazard("b", Severity::Blocker)],
        ..rule("*", 1)
    };
    let named = OnboardingRule {
        hazards: vec![hazard("a", Severity::Low)],
        fixed_hazards: vec![FixedHazard {
            code: "b".to_owned(),
            reason: None,
        }],
        ..rule("web", 2)
    };
    let policy = OnboardingPolicy {
        services: vec![all, named],
        ..OnboardingPolicy::default()
    };
    let (options, _) = policy.plan_options(&graph());
    let web = &options.facts["service/shop/web"];
    assert_eq!(web.hazards, [hazard("a", Severity::Low)]);
    assert_eq!(web.fixed, ["b"]);
    assert_eq!(options.facts["service/pay/cart"].hazards.len(), 2);
}

#[test]
fn what_means_nothing_is_told_with_its_line() {
    let policy = OnboardingPolicy {
        services: vec![rule("crat", 3), rule("redis@*", 4)],
        before: vec![BeforeRule {
            first: pattern("web"),
            then: pattern("nobody"),
            line: 5,
        }],
        meshes: vec![MeshRule {
            name: "m".to_owned(),
            namespaces: vec!["shop".to_owned(), "moon".to_owned()],
            clusters: vec!["east".to_owned()],
            line: 6,
            ..MeshRule::default()
        }],
        ..OnboardingPolicy::default()
    };
    let (options, found) = policy.plan_options(&graph());
    assert_eq!(
        found,
        [
            unmatched(3, "crat", Unmet::NoService),
            unmatched(4, "redis@*", Unmet::NoService),
            unmatched(5, "nobody", Unmet::NoService),
            unmatched(6, "east", Unmet::NoCluster),
            unmatched(6, "moon", Unmet::NoNamespace),
        ]
    );
    assert_eq!(options.groups.before, []);
    assert_eq!(
        found[0].to_string(),
        "no service of the graph is meant by `crat`"
    );
}

/// A freeze of services that went away must not become a freeze of everything.
#[test]
fn a_freeze_of_nobody_freezes_nothing() {
    let freeze = |name: &str, services: Vec<ServicePattern>, teams: Vec<String>, line| FreezeRule {
        name: name.to_owned(),
        from: date(2027, 1, 1),
        to: date(2027, 1, 2),
        services,
        teams,
        line,
    };
    let policy = OnboardingPolicy {
        freezes: vec![
            freeze("all", vec![], vec![], 1),
            freeze("gone", vec![pattern("gone")], vec![], 2),
            freeze("carts", vec![pattern("cart")], vec![], 3),
            freeze("team", vec![pattern("gone")], vec!["x".to_owned()], 4),
        ],
        ..OnboardingPolicy::default()
    };
    let (options, found) = policy.plan_options(&graph());
    let names: Vec<&str> = options.freezes.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["all", "carts", "team"]);
    assert!(options.freezes[0].is_global() && !options.freezes[1].is_global());
    assert_eq!(options.freezes[1].services.len(), 2);
    assert!(found.contains(&unmatched(4, "x", Unmet::NoTeam)));
}

#[test]
fn sets_before_a_member_and_groups_of_one_leave_no_pair_with_itself() {
    let policy = OnboardingPolicy {
        before: vec![BeforeRule {
            first: pattern("shop/*"),
            then: pattern("web"),
            line: 1,
        }],
        apart: vec![
            GroupRule {
                services: vec![pattern("cart"), pattern("shop/cart")],
                line: 2,
            },
            GroupRule {
                services: vec![pattern("web"), pattern("shop/w*")],
                line: 3,
            },
        ],
        ..OnboardingPolicy::default()
    };
    let (options, found) = policy.plan_options(&graph());
    assert_eq!(found, []);
    let pair = (
        "service/shop/cart".to_owned(),
        "service/shop/web".to_owned(),
    );
    assert_eq!(options.groups.before, [pair]);
    let carts = ["service/pay/cart", "service/shop/cart"].map(str::to_owned);
    assert_eq!(options.groups.apart, [carts]);
}

#[test]
fn declared_attempts_count_where_none_were_seen() {
    let mut graph = graph();
    let (web, cart) = ("service/shop/web", "service/shop/cart");
    let mut failing = edge(web, "service/pay/cart", 100);
    (failing.failed, failing.failed_attempts) = (20, 40);
    graph.edges = vec![failing, edge(web, cart, 100)];
    let policy = OnboardingPolicy {
        services: vec![OnboardingRule {
            attempts: Some(4.0),
            ..rule("web", 1)
        }],
        ..OnboardingPolicy::default()
    };
    let (options, _) = policy.plan_options(&graph);
    let input = PlanInput::from_snapshot(&graph, &options);
    let attempts: Vec<_> = input.edges.iter().map(|edge| edge.attempts).collect();
    assert_eq!(attempts, [Some(2.0), Some(4.0)]);
}

#[test]
fn a_pattern_of_a_mesh_wins_over_the_place_of_another() {
    let mesh = |name: &str, services: Vec<ServicePattern>, namespaces: &[&str]| MeshRule {
        name: name.to_owned(),
        services,
        namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
        ..MeshRule::default()
    };
    let policy = OnboardingPolicy {
        meshes: vec![
            mesh("shop", vec![], &["shop"]),
            mesh("edge", vec![pattern("web")], &[]),
            mesh("late", vec![], &["shop", "nowhere"]),
        ],
        ..OnboardingPolicy::default()
    };
    let meshes = policy.meshes(&graph()).unwrap();
    let services: Vec<Vec<&str>> = meshes
        .meshes
        .iter()
        .map(|mesh| mesh.services.iter().map(String::as_str).collect())
        .collect();
    assert_eq!(
        services,
        [vec!["service/shop/cart"], vec!["service/shop/web"], vec![]]
    );
    assert_eq!(meshes.empty, ["late"]);
    assert!(meshes.nowhere.contains("service/pay/cart"));
    assert_eq!(meshes.claimed["service/shop/cart"], ["shop", "late"]);
    assert_eq!(OnboardingPolicy::default().meshes(&graph()), None);
}

/// Two patterns over everything would be as many pairs as there are services, squared.
#[test]
fn too_many_pairs_are_left_out_and_told() {
    let mut graph = graph();
    let many = (0..1_100).map(|number| service("x", &format!("s{number:04}")));
    graph.nodes = many.collect();
    let policy = OnboardingPolicy {
        before: vec![BeforeRule {
            first: pattern("*"),
            then: pattern("s*"),
            line: 7,
        }],
        ..OnboardingPolicy::default()
    };
    let (options, found) = policy.plan_options(&graph);
    assert_eq!(options.groups.before, []);
    assert_eq!(found, [unmatched(7, "*", Unmet::TooMany)]);
}
