use std::ffi::OsString;
use std::io::Write as _;
use std::time::Duration;

use super::*;
use crate::args;

fn words(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (OsString::from(name), OsString::from(value)))
        .collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("a writable file");
    file
}

fn collected(parsed: &Parsed) -> &args::CollectArgs {
    match &parsed.cli.command {
        args::Command::Collect(arguments) => arguments,
        other => panic!("{other:?} is not collect"),
    }
}

fn faults(outcome: Result<Parsed, Stop>) -> Vec<String> {
    match outcome {
        Err(Stop::Faults(error)) => error.lines(),
        Err(Stop::Usage(usage)) => panic!("{usage}"),
        Ok(_) => panic!("this cannot be used"),
    }
}

#[test]
fn flags_beat_the_environment_which_beats_the_file_which_beats_defaults() {
    let file = file("flush-interval: 5s\ntrace-idle: 5s\ntrace-max-age: 5s\nno-compaction: true\n");
    let line = format!(
        "tracemesh collect --config {} --flush-interval 1s",
        file.path().display()
    );
    let environment = [
        ("TRACEMESH_FLUSH_INTERVAL", "2s"),
        ("TRACEMESH_TRACE_IDLE", "2s"),
        ("HOME", "/"),
    ];
    let parsed = parse(words(&line), variables(&environment)).expect("all of it can be used");
    let arguments = collected(&parsed);
    assert_eq!(arguments.flush_interval, Duration::from_secs(1));
    assert_eq!(arguments.trace_idle, Duration::from_secs(2));
    assert_eq!(arguments.trace_max_age, Duration::from_secs(5));
    assert_eq!(arguments.late_wait, Duration::from_secs(900));
    assert!(arguments.upkeep.no_compaction);
}

#[test]
fn what_is_in_force_is_a_file_with_the_same_effect() {
    let line = "tracemesh collect --trace-idle=3s --service-sampling shop/cart=0.5 --service-sampling a=0.1";
    let environment = [
        ("TRACEMESH_STORE", "some where"),
        ("TRACEMESH_NO_COMPACTION", "true"),
    ];
    let parsed = parse(words(line), variables(&environment)).expect("all of it can be used");
    let lines = parsed.effective.expect("it is collect").lines();
    let of = |name: &str| {
        let line = lines.iter().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("{name} is missing in {lines:?}"))
            .clone()
    };
    assert!(of("trace-idle:").ends_with("# flag"), "{lines:?}");
    assert!(
        of("store: \"some where\"").ends_with("# TRACEMESH_STORE"),
        "{lines:?}"
    );
    assert!(of("late-wait: 15m").ends_with("# default"), "{lines:?}");
    let again = file(&lines.join("\n"));
    let line = format!("tracemesh collect --config {}", again.path().display());
    let again = parse(words(&line), []).expect("what we print can be read");
    assert_eq!(
        format!("{:?}", args::CollectArgs { config: None, ..take(again) }),
        format!("{:?}", take(parse(words("tracemesh collect --trace-idle=3s --service-sampling shop/cart=0.5 --service-sampling a=0.1"), variables(&environment)).expect("as above")))
    );
}

fn take(parsed: Parsed) -> args::CollectArgs {
    match parsed.cli.command {
        args::Command::Collect(arguments) => *arguments,
        other => panic!("{other:?} is not collect"),
    }
}

#[test]
fn every_fault_is_told_at_once_each_with_its_place() {
    let file =
        file("flush-intervall: 5s\ntrace-idle: soon\nshards: [1, 2]\nstore:\nconfig: other\n");
    let line = format!(
        "tracemesh collect --config {} --grpc nowhere",
        file.path().display()
    );
    let environment = [("TRACEMESH_LATE_WAIT", "x"), ("TRACEMESH_LATE_WIAT", "15m")];
    let told = faults(parse(words(&line), variables(&environment))).join("\n");
    for part in [
        "8 faults",
        ":1: `flush-intervall` is no option of `tracemesh collect`: did you mean `flush-interval`?",
        ":2: invalid value 'soon'",
        ":3: `shards` takes a single value, not a list",
        ":4: `store` takes a single value, not nothing",
        ":5: `config` names this file",
        "TRACEMESH_LATE_WAIT: invalid value 'x'",
        "TRACEMESH_LATE_WIAT is no option of `tracemesh collect`: did you mean `TRACEMESH_LATE_WAIT`?",
        "invalid value 'nowhere'",
    ] {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
}

#[test]
fn variables_that_kubernetes_makes_for_a_service_of_our_name_are_let_be() {
    let environment = [
        ("TRACEMESH_PORT", "tcp://10.0.0.1:4317"),
        ("TRACEMESH_PORT_4317_TCP_ADDR", "10.0.0.1"),
        ("TRACEMESH_SERVICE_HOST", "10.0.0.1"),
    ];
    assert!(parse(words("tracemesh collect"), variables(&environment)).is_ok());
}

#[test]
fn a_flag_that_needs_another_may_find_it_in_the_file() {
    let file = file("store: elsewhere\n");
    let environment = [(
        "TRACEMESH_CONFIG",
        file.path().to_str().expect("a plain path"),
    )];
    let parsed = parse(
        words("tracemesh --color never collect"),
        variables(&environment),
    );
    let parsed = parsed.expect("all of it can be used");
    assert_eq!(collected(&parsed).store.to_string(), "elsewhere");
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_who_named_it() {
    let told = faults(parse(words("tracemesh collect --config /nowhere.yaml"), [])).join("\n");
    assert!(
        told.contains("/nowhere.yaml") && told.contains("--config"),
        "{told}"
    );
    let list = file("- a\n- b\n");
    let line = format!("tracemesh collect --config {}", list.path().display());
    let told = faults(parse(words(&line), [])).join("\n");
    assert!(told.contains("not a mapping"), "{told}");
    let broken = file("a: [");
    let line = format!("tracemesh collect --config {}", broken.path().display());
    assert!(!faults(parse(words(&line), [])).is_empty());
}

#[test]
fn other_commands_do_not_look_at_the_environment() {
    let environment = [("TRACEMESH_NOTHING", "1"), ("TRACEMESH_STORE", "x")];
    let parsed = parse(words("tracemesh graph"), variables(&environment)).expect("as before");
    assert!(parsed.effective.is_none());
}

/// Zipkin has a port of its own, so the flag needs no address; a variable and a file have to say one.
#[test]
fn zipkin_alone_means_its_own_port_on_this_machine() {
    let of = |line: &str| {
        let parsed = parse(words(line), []).expect("it can be used");
        let lines = parsed.effective.as_ref().expect("it is collect").lines();
        let zipkin = lines.iter().find(|line| line.contains("zipkin:"));
        let zipkin = zipkin.expect("it is an option").clone();
        (collected(&parsed).zipkin.map(|it| it.to_string()), zipkin)
    };
    let (address, line) = of("tracemesh collect --zipkin --store x");
    assert_eq!(address.as_deref(), Some("127.0.0.1:9411"));
    assert!(line.starts_with("zipkin: \"127.0.0.1:9411\""), "{line}");
    let (address, _) = of("tracemesh collect --zipkin 127.0.0.1:1 --store x");
    assert_eq!(address.as_deref(), Some("127.0.0.1:1"));
    let (address, line) = of("tracemesh collect");
    assert_eq!(
        (address, line.starts_with("# zipkin:")),
        (None, true),
        "{line}"
    );
}
