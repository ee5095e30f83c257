//! What the rules and the dashboard read is what is listed, and nothing listed is unread.

use std::collections::BTreeSet;

use super::metrics::ALL;
use super::{SERVICE_LABEL, Thresholds, render};
use crate::output_dir::Entry;
use crate::render::envoy::stats::{KEPT_STATS, StatKind, prometheus_name};

fn texts() -> [String; 2] {
    let files = render(&Thresholds::default());
    ["observability/rules.yaml", "observability/dashboard.json"].map(|path| {
        let Some(Entry::File(text)) = files.get(path) else {
            panic!("no {path}");
        };
        text.clone()
    })
}

/// Every name in a text that starts like a metric of Envoy.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = text.split(|character: char| !is_part(character));
    let labels = [
        "envoy_cluster_name",
        "envoy_response_code_class",
        "envoy_http_conn_manager_prefix",
        "envoy_tcp_prefix",
    ];
    words
        .filter(|word| word.starts_with("envoy_") && !labels.contains(word))
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned())
        .collect()
}

/// A panel over what is not kept would stay empty; what is kept and not read would cost memory for nothing.
#[test]
fn what_is_read_is_what_is_kept() {
    let read: BTreeSet<String> = texts().iter().flat_map(|text| metrics_in(text)).collect();
    let listed: BTreeSet<String> = ALL.iter().map(|name| (*name).to_owned()).collect();
    let kept: BTreeSet<String> = KEPT_STATS.iter().map(prometheus_name).collect();
    assert_eq!(read, listed);
    assert_eq!(read, kept);
}

#[test]
fn a_histogram_is_read_by_its_buckets() {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let histograms = KEPT_STATS
        .iter()
        .filter(|stat| stat.kind == StatKind::Histogram);
    for name in histograms.map(prometheus_name) {
        for text in texts() {
            let words: BTreeSet<&str> = text.split(|character: char| !is_part(character)).collect();
            assert!(!words.contains(name.as_str()), "{name}");
        }
    }
}

#[test]
fn every_sum_that_the_dashboard_reads_is_recorded() {
    let [rules, dashboard] = texts();
    let is_part =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | ':');
    let sums: BTreeSet<&str> = dashboard
        .split(|character: char| !is_part(character))
        .filter(|word| word.starts_with("tracemesh:"))
        .collect();
    assert!(sums.len() > 5, "{sums:?}");
    for sum in sums {
        assert!(rules.contains(&format!("record: \"{sum}\"")), "{sum}");
    }
}

/// An owner sees one service, the mesh team sees sums: no panel shows every series of the mesh.
#[test]
fn every_panel_is_bounded() {
    let [_, dashboard] = texts();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let shown = panels.iter().filter(|panel| panel["type"] != "row");
    let mut count = 0;
    for panel in shown {
        count += 1;
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let one_service = expression.contains(&format!("{SERVICE_LABEL}=\"$service\""));
            let few = ["sum(", "count(", "topk(", "1 - sum("];
            let few = few.iter().any(|start| expression.starts_with(start));
            assert!(one_service || few, "{expression}");
        }
    }
    assert_eq!(count, 21, "the module says so");
}
