//! The whole file of the reference graph, and files of hostile plans read back.

use std::collections::BTreeSet;

use super::super::plot::tests::{expect, hostile, reference};
use super::*;

#[test]
fn calendar_file_of_the_reference_graph() {
    let (_, mut plan) = reference();
    expect("online-boutique.ics", &ics(&plan).unwrap());
    plan.calendar = None;
    assert_eq!(ics(&plan), None);
}

/// Content lines without folding.
fn lines(file: &str) -> Vec<String> {
    let unfolded = file.replace("\r\n ", "");
    let ended = unfolded.strip_suffix("\r\n").unwrap();
    ended.split("\r\n").map(str::to_owned).collect()
}

#[test]
fn no_name_adds_an_event_or_a_property() {
    let (_, plan) = hostile();
    let file = ics(&plan).unwrap();
    let lines = lines(&file);
    let count = |line: &str| lines.iter().filter(|other| *other == line).count();
    let calendar = plan.calendar.as_ref().unwrap();
    let of_waves: usize = calendar
        .waves
        .iter()
        .map(|wave| 4 + wave.rollouts.len())
        .sum();
    assert_eq!(count("BEGIN:VEVENT"), of_waves + plan.options.freezes.len());
    assert_eq!(count("BEGIN:VEVENT"), count("END:VEVENT"));
    for line in &lines {
        let name: String = line
            .chars()
            .take_while(|c| !matches!(c, ':' | ';'))
            .collect();
        let known = [
            "BEGIN",
            "CALSCALE",
            "DESCRIPTION",
            "DTEND",
            "DTSTAMP",
            "DTSTART",
            "END",
            "PRODID",
            "SUMMARY",
            "TRANSP",
            "UID",
            "VERSION",
            "X-WR-CALNAME",
        ];
        assert!(known.contains(&name.as_str()), "{line}");
        assert!(!line.chars().any(char::is_control));
    }
    let ids: BTreeSet<&String> = lines
        .iter()
        .filter(|line| line.starts_with("UID:"))
        .collect();
    assert_eq!(ids.len(), count("BEGIN:VEVENT"));
    assert!(file.split_terminator("\r\n").all(|line| line.len() <= 75));
}

#[test]
fn a_later_plan_keeps_the_identities_and_another_mesh_has_its_own() {
    let (_, mut plan) = reference();
    let ids = |plan: &Plan| -> BTreeSet<String> {
        let lines = lines(&ics(plan).unwrap()).into_iter();
        lines.filter(|line| line.starts_with("UID:")).collect()
    };
    let before = ids(&plan);
    for wave in &mut plan.calendar.as_mut().unwrap().waves {
        wave.canary = wave.canary.tomorrow().unwrap();
    }
    assert_eq!(ids(&plan), before);
    plan.mesh = Some("other".to_owned());
    assert!(ids(&plan).is_disjoint(&before));
}

#[test]
fn days_at_the_ends_of_time_are_days() {
    assert_eq!(day(Date::MIN), "00010101");
    assert_eq!(day(Date::MAX), "99991231");
    let (_, mut plan) = reference();
    plan.options.freezes[0].to = Date::MAX;
    let file = ics(&plan).unwrap();
    // Nothing comes after the last day: the event ends with its first.
    assert_eq!(
        file.matches("DTSTART").count(),
        file.matches("DTEND").count() + 1
    );
}
