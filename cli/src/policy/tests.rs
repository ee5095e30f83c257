//! What is accepted, what is refused and how, and that nothing breaks the reader.

mod onboarding;

use jiff::civil::{Date, date};
use proptest::prelude::*;
use tracemesh_graph::egress::{Phase, SettingName, SettingValue, TargetProtocol};
use tracemesh_graph::policy::{PinAction, PinDestination, Policy};

use super::{Checked, check_text};

const TODAY: Date = date(2026, 11, 20);

fn fixture(name: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/policy");
    std::fs::read_to_string(format!("{root}/{name}")).unwrap()
}

fn checked(body: &str) -> Checked {
    check_text(&format!("schema: tracemesh.policy/v1\n{body}"), TODAY)
}

fn told(checked: &Checked) -> Vec<String> {
    let faults = checked.faults.iter();
    faults
        .map(|fault| format!("{}: {fault}", fault.line))
        .collect()
}

#[track_caller]
fn refuses(body: &str, line: usize, message: &str) {
    let found = told(&checked(body));
    let prefix = format!("{line}: ");
    assert!(
        found
            .iter()
            .any(|fault| fault.starts_with(&prefix) && fault.contains(message)),
        "{body}: {found:#?}"
    );
}

#[test]
fn every_section_arrives_in_the_policy() {
    let checked = check_text(&fixture("full.yaml"), TODAY);
    assert_eq!(told(&checked), [""; 0]);
    let policy = checked.policy;
    let number = |value| SettingValue::Number(value);
    assert_eq!(
        policy.defaults.settings[&SettingName::ConnectTimeout],
        number(500)
    );
    let cart = &policy.services[0];
    assert_eq!(cart.keepalive_ms, Some(5_000));
    assert_eq!(cart.overrides.phase, Some(Phase::Tuned));
    assert_eq!(
        cart.overrides.settings[&SettingName::LeastRequest],
        SettingValue::Flag(true)
    );
    let edge = &policy.edges[0].overrides.settings;
    assert_eq!(edge[&SettingName::MaxEjection], number(300_000));
    assert_eq!(edge[&SettingName::MaxEjectionPercent], number(20));
    let PinDestination::Address(address) = &policy.pins[0].destination else {
        panic!("{:?}", policy.pins);
    };
    assert_eq!(
        (address.host.as_str(), address.protocol),
        ("payments-dr.example.com", Some(TargetProtocol::Tls))
    );
    assert_eq!(policy.pins[1].action, PinAction::Exclude);
    assert_eq!(policy.infra[1].callers.len(), 2);
    assert_eq!(policy.labels.selector_key, "app.kubernetes.io/name");
    assert_eq!(policy.naming.unwrap().port, 8080);
    assert_eq!(policy.thresholds.hysteresis_percent, 20);
}

#[test]
fn what_is_not_said_is_as_by_default() {
    let checked = check_text(&fixture("minimal.yaml"), TODAY);
    assert_eq!(told(&checked), [""; 0]);
    assert_eq!(checked.policy, Policy::default());
}

#[test]
fn an_expired_pin_is_told_and_does_not_stop_a_run() {
    let checked = check_text(&fixture("expired.yaml"), TODAY);
    assert_eq!(checked.faults.len(), 1);
    assert!(checked.is_usable());
    assert_eq!(checked.policy.expired(TODAY).count(), 1);
    let before = check_text(&fixture("expired.yaml"), date(2026, 9, 30));
    assert_eq!(told(&before), [""; 0]);
}

#[test]
fn the_shape_of_the_file_is_checked() {
    for (text, message) in [
        ("", "says nothing"),
        ("# only a comment\n", "says nothing"),
        ("- a\n- b\n", "is a list, not a mapping"),
        ("text", "is a single value, not a mapping"),
        ("a: [1, 2", "no YAML"),
        ("a:\n\tb: 1\n", "no YAML"),
    ] {
        let found = told(&check_text(text, TODAY)).join("\n");
        assert!(found.contains(message), "{text}: {found}");
    }
    let missing = told(&check_text("pins: []\n", TODAY)).join("\n");
    assert!(
        missing.contains("needs `schema` (hint: begin with `schema: tracemesh.policy/v1`)"),
        "{missing}"
    );
    refuses("---\nedges: []\n", 2, "a second document begins");
    refuses("edges: {}\n", 2, "`edges` is a mapping, not a list");
    refuses("edges: []\nedges: []\n", 3, "`edges` is said twice");
}

#[test]
fn what_a_reviewer_cannot_follow_is_refused() {
    refuses("defaults: &d {phase: tuned}\n", 2, "anchors");
    refuses(
        "defaults: &d {phase: tuned}\nlabels: *d\n",
        3,
        "aliases (`*name`) are not accepted",
    );
    refuses("defaults: {phase: !!str tuned}\n", 2, "tags");
    refuses(
        "edges:\n  - caller: *\n    callee: cart\n",
        3,
        "quote patterns that begin with `*`",
    );
    refuses("naming:\n  host: {service}.x\n  port: 1\n", 3, "no YAML");
    refuses(
        "naming:\n  host: {service}\n  port: 1\n",
        3,
        "`host` of `naming` is a mapping, not a single value (hint: quote text",
    );
    refuses("? [a]\n: b\n", 2, "a list stands where a key belongs");
}

/// `no` is a boolean in YAML 1.1 and text in 1.2; a reader of either must understand the same.
#[test]
fn words_that_readers_disagree_on_must_be_quoted() {
    for word in [
        "no", "Yes", "on", "OFF", "y", "123", "1e3", "0x1f", "12:30", "1_000", ".inf",
    ] {
        let rule = |service: &str| format!("services:\n  - service: {service}\n    owner: me\n");
        refuses(&rule(word), 3, &format!("write \"{word}\""));
        let quoted = checked(&rule(&format!("\"{word}\"")));
        assert_eq!(told(&quoted), [""; 0]);
    }
    refuses(
        "defaults: {settings: {least_request: on}}\n",
        2,
        "write `true`, without quotes",
    );
    refuses(
        "defaults: {settings: {least_request: \"true\"}}\n",
        2,
        "write `true`, without quotes",
    );
}

#[test]
fn values_have_their_units_and_bounds() {
    let setting = |line: &str| format!("defaults: {{settings: {{{line}}}}}\n");
    for line in [
        "connect_timeout: 250",
        "connect_timeout: 1.5s",
        "connect_timeout: -1s",
        "connect_timeout: 0ms",
        "connect_timeout: 25h",
        "connect_timeout: 99999999999999999999s",
        "connect_timeout: s",
        "connect_timeout: [1s]",
        "retry_budget_percent: 20",
        "retry_budget_percent: 101%",
        "retry_budget_percent: '%'",
        "max_requests: 010",
        "max_requests: -1",
        "max_requests: 1.0",
        "max_requests: 4294967296",
        "safe_retries: 11",
    ] {
        let key = line.split(':').next().unwrap();
        refuses(&setting(line), 2, &format!("`{key}`"));
    }
    for line in [
        "connect_timeout: 1ms",
        "connect_timeout: \"2s\"",
        "route_timeout: 0s",
        "route_timeout: 24h",
        "safe_retries: 0",
    ] {
        assert_eq!(told(&checked(&setting(line))), [""; 0], "{line}");
    }
}

#[test]
fn days_are_written_in_one_way_only() {
    let pin = |day: &str| {
        format!(
            "pins:\n  - {{caller: a, callee: b, action: exclude, reason: r, owner: o, expires: {day}}}\n"
        )
    };
    for day in [
        "2026-13-01",
        "2027-02-29",
        "20270101",
        "2027-1-1",
        "01.01.2027",
        "+002027-01-01",
        "2027-W01-1",
        "never",
    ] {
        refuses(&pin(day), 3, "`expires` cannot be");
    }
    for day in ["2027-01-01", "\"2028-02-29\"", "2026-11-20"] {
        assert_eq!(told(&checked(&pin(day))), [""; 0], "{day}");
    }
}

#[test]
fn addresses_are_a_host_that_can_be_dialled_and_a_port() {
    let infra =
        |address: &str| format!("infra:\n  - {{name: a, address: \"{address}\", protocol: tcp}}\n");
    for address in [
        "cart",
        "cart:",
        ":80",
        "cart:0",
        "cart:65536",
        "cart:+80",
        "cart: 80",
        "a b:80",
        "localhost:80",
        "127.0.0.1:80",
        "0.0.0.0:80",
        "2001:db8::1:80",
        "[cart]:80x",
        "*.example.com:80",
        "http://cart:80",
        "user@cart:80",
        "../x:80",
        "cart:15001",
    ] {
        refuses(&infra(address), 3, "`address`");
    }
    for address in [
        "cart.shop:80",
        "CART.shop.:80",
        "10.0.0.1:80",
        "[2001:db8::1]:80",
    ] {
        assert_eq!(told(&checked(&infra(address))), [""; 0], "{address}");
    }
}

#[test]
fn patterns_that_cannot_meet_contradict_nothing() {
    let body = "\
services:
  - {service: \"shop/*\", owner: a}
  - {service: \"pay/*\", owner: b}
edges:
  - {caller: \"*\", callee: cart, settings: {route_timeout: 1s}}
  - {caller: \"*\", callee: cart, settings: {max_requests: 5}}
  - {caller: \"*\", callee: search, settings: {route_timeout: 2s}}
pins:
  - {caller: cart, callee: \"database/*\", action: exclude, reason: r, owner: o, expires: 2027-01-01}
  - {caller: search, callee: \"database/*\", action: include, reason: r, owner: o, expires: 2027-01-01}
infra:
  - {name: otel, address: \"otel:4317\", protocol: grpc, callers: [cart]}
";
    assert_eq!(told(&checked(body)), [""; 0]);
}

#[test]
fn a_pin_that_has_expired_contradicts_nobody() {
    let pin = |action: &str, day: &str| {
        format!(
            "  - {{caller: a, callee: b, action: {action}, reason: r, owner: o, expires: {day}}}\n"
        )
    };
    let both = |day: &str| {
        format!(
            "pins:\n{}{}",
            pin("include", "2027-01-01"),
            pin("exclude", day)
        )
    };
    assert!(
        told(&checked(&both("2027-01-01")))
            .join("")
            .contains("line 3 includes")
    );
    let expired = told(&checked(&both("2026-01-01")));
    assert_eq!(expired.len(), 1, "{expired:?}");
}

/// Each would take long or much memory in a reader without bounds.
#[test]
fn hostile_files_end_soon_and_clearly() {
    let deep = "[".repeat(200_000);
    let bomb = "a: &a [x,x,x,x,x,x,x,x]\n".to_owned()
        + &(1..9)
            .map(|n| {
                let (this, last) = (char::from(b'a' + n), char::from(b'a' + n - 1));
                format!(
                    "{this}: &{this} [{}]\n",
                    vec![format!("*{last}"); 9].join(",")
                )
            })
            .collect::<String>();
    let many = format!("pins:\n{}", "  - {}\n".repeat(30_000));
    let wide = format!("defaults: [{}]\n", "1,".repeat(200_000));
    let keys: String = (0..50_000).map(|n| format!("k{n}: 1\n")).collect();
    let rules: String = (0..2_000)
        .map(|n| format!("  - {{service: \"a*{n}*b*\", owner: x}}\n"))
        .collect();
    let long = format!("services:\n  - service: {}\n", "a".repeat(900_000));
    let dashes = "- ".repeat(400_000);
    let questions = "? ".repeat(400_000);
    for text in [
        deep,
        bomb,
        many,
        wide,
        keys,
        format!("services:\n{rules}"),
        long,
        dashes,
        questions,
    ] {
        let faults = check_text(&text, TODAY).faults;
        assert!((1..=201).contains(&faults.len()), "{}", faults.len());
    }
}

proptest! {
    /// Whatever the bytes: no panic, and only a clean file is without faults.
    #[test]
    fn any_text_is_judged(text in any::<String>(), yaml in "([a-z]{0,3}[:\\-\\[\\]{}&*!|>'\"#%@`, \\n\\t?]{1,3}){0,40}") {
        prop_assert!(!check_text(&text, TODAY).faults.is_empty());
        prop_assert!(!check_text(&yaml, TODAY).faults.is_empty());
    }

    /// A good file with a piece of it replaced: lines stay inside the file.
    #[test]
    fn a_damaged_file_is_judged_line_by_line(at in 0_usize..5000, length in 0_usize..80, piece in "[ a-z:*\\n\"{}-]{0,12}") {
        let mut text = fixture("full.yaml");
        let end = (at + length).min(text.len());
        let at = at.min(end);
        text.replace_range(at..end, &piece);
        let lines = text.lines().count() + 1;
        for fault in check_text(&text, TODAY).faults {
            prop_assert!((1..=lines).contains(&fault.line), "{fault:?} of {lines}");
        }
    }
}
