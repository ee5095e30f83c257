use super::*;
use clap::CommandFactory as _;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_shows_examples_and_exit_codes() {
    let cli = Cli::command();
    let told = |command: &clap::Command, path: &str| {
        let help = command.clone().render_long_help().to_string();
        for needed in ["Examples:", "Exit codes:"] {
            assert!(help.contains(needed), "{path}: {help}");
        }
        let can_answer_no = CAN_ANSWER_NO.contains(&path);
        let line = "\n  1  done, and the answer is no";
        assert_eq!(help.contains(line), can_answer_no, "{path}: {help}");
    };
    for command in cli.get_subcommands() {
        let name = command.get_name();
        told(command, name);
        for nested in command.get_subcommands() {
            told(nested, &format!("{name} {}", nested.get_name()));
        }
    }
}

/// Commands whose exit code can be 1.
const CAN_ANSWER_NO: [&str; 14] = [
    "diff",
    "doctor",
    "explain",
    "onboard",
    "onboard check",
    "onboard diff",
    "onboard status",
    "policy",
    "policy check",
    "store",
    "store check",
    "store compact",
    "store merge",
    "verify",
];

#[test]
fn addresses_are_an_ip_or_localhost_and_a_port() {
    for (text, address) in [
        ("0.0.0.0:4317", "0.0.0.0:4317"),
        ("[::1]:4317", "[::1]:4317"),
        ("localhost:4317", "127.0.0.1:4317"),
        ("LocalHost:0", "127.0.0.1:0"),
    ] {
        assert_eq!(parse_address(text), Ok(address.parse().unwrap()), "{text}");
    }
    for wrong in [
        "",
        "foo",
        ":4318",
        "127.0.0.1",
        "localhost",
        "localhost:",
        "localhost:99999",
        "localhost:1:2",
        "example.com:4317",
        "::1:4317 ",
    ] {
        let told = parse_address(wrong).unwrap_err();
        assert!(told.contains("127.0.0.1:4317"), "{wrong}: {told}");
    }
}

#[test]
fn durations_need_a_number_a_unit_and_a_sane_size() {
    assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
    assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
    for wrong in [
        "",
        "60",
        "s",
        "-1s",
        "1.5s",
        "0s",
        "99999999999999999999s",
        "25h",
        "1 s",
    ] {
        assert!(parse_duration(wrong).is_err(), "{wrong}");
    }
}
