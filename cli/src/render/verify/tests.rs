//! Every reason has a sentence, and hostile names stay on their line.

use super::*;
use tracemesh_graph::verify::{Basis, Reason, Verification};

use crate::render::sample::shop;
use crate::terminal::Palette;

const HOSTILE: &str = "a\u{1b}[2J\n\u{202e}b";

fn finding(reason: Reason) -> Finding {
    Finding {
        verdict: reason.verdict(),
        reason,
        harm: reason.is_harm(),
        callee: HOSTILE.to_owned(),
        scheme: HOSTILE.to_owned(),
        host: HOSTILE.to_owned(),
        port: Some(8080),
        calls: 1,
        never_answered: true,
        basis: Basis::SocketAddress,
        sent: HOSTILE.to_owned(),
        address: Some("10.0.0.1".to_owned()),
        listener: None,
        virtual_host: None,
        cluster: Some(HOSTILE.to_owned()),
        made_for: Some(HOSTILE.to_owned()),
    }
}

const REASONS: [Reason; 22] = [
    Reason::MadeForIt,
    Reason::SameAddress,
    Reason::NoAddress,
    Reason::NoPort,
    Reason::InvalidHost,
    Reason::UnknownProtocol,
    Reason::AddressUnknown,
    Reason::NotCaptured,
    Reason::UnobservedPort,
    Reason::UnobservedAuthority,
    Reason::UnobservedServerName,
    Reason::UnobservedAddress,
    Reason::NoDirectory,
    Reason::OtherDestination,
    Reason::OtherPort,
    Reason::OtherHost,
    Reason::Stalls,
    Reason::NoCluster,
    Reason::NoEndpoint,
    Reason::NoRoute,
    Reason::NoChain,
    Reason::NotHttp,
];

#[test]
fn every_reason_is_a_sentence_of_printable_characters() {
    let mut told: Vec<String> = REASONS
        .iter()
        .map(|reason| words::finding(&finding(*reason)))
        .collect();
    for text in &told {
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(!text.contains('\u{202e}'), "{text:?}");
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), REASONS.len(), "no two reasons read the same");
}

#[test]
fn a_report_fits_eighty_columns_with_any_names() {
    let snapshot = shop();
    let mut report = Verification::new(&snapshot, false).report();
    for caller in &mut report.callers {
        caller.service = HOSTILE.repeat(20);
        caller.findings = REASONS.map(finding).to_vec();
    }
    let floor = "99.5".parse().unwrap();
    let text = table(&report, floor, false, Palette::Plain);
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    assert!(text.contains("the floor is 99.5 %"), "{text}");
    let json = json(&report, floor, false).unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["floor_percent"], 99.5);
}
