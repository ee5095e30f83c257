//! What stands in the log of a collector that is sent all kinds of things: little, and nothing secret.

use crate::harness::process::{Collector, post};
use crate::harness::{call, request};
use std::io::Write as _;
use std::net::TcpStream;

const SECRET: &str = "hunter2-0123456789abcdef";
const OTHER: &str = "guess-0123456789abcdef";

/// Posts with a token, and reads the answer to its end.
fn send(collector: &Collector, token: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(&collector.http).expect("the receiver listens");
    let head = format!(
        "POST /v1/traces?key={OTHER} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nCookie: {OTHER}\r\n\
         Content-Type: application/x-protobuf\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), body].concat();
    stream.write_all(&request).expect("the receiver reads");
    let mut answer = Vec::new();
    // It may be reset behind its answer.
    drop(std::io::Read::read_to_end(&mut stream, &mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

/// Good requests, wrong tokens, garbage, bodies that cannot be decoded, and names in spans: no token and no name is logged, nothing
/// for each span, and a line for what repeats comes once in ten seconds with the number of those held back.
#[test]
fn the_log_is_short_and_holds_neither_tokens_nor_what_senders_say() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let tokens = place.path().join("tokens");
    std::fs::write(&tokens, format!("{SECRET}\n")).expect("a file is written");
    let tokens = tokens.display().to_string();
    let options = [
        "--token-file",
        &tokens,
        "--flush-interval",
        "100ms",
        "--debug-pages",
    ];
    let environment = [("RUST_LOG", "trace".to_owned())];
    let store = place.path().join("data");
    let collector = Collector::start_with(store.as_os_str(), &options, &environment);
    for trace in 1..=300 {
        let body = request(call(
            trace,
            "name-of-a-service",
            "callee",
            "secret-host.shop",
        ));
        assert!(send(&collector, SECRET, &body).starts_with("HTTP/1.1 200"));
        assert!(send(&collector, OTHER, &body).starts_with("HTTP/1.1 401"));
        let garbage = [b"\x0a\xff", OTHER.as_bytes()].concat();
        let answer = send(&collector, SECRET, &garbage);
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(!answer.contains(OTHER), "{answer}");
    }
    assert_eq!(
        post(&collector.http, "application/json", OTHER.as_bytes()),
        "HTTP/1.1 401 Unauthorized"
    );
    for (page, token) in [("/debug/config", SECRET), ("/debug/state", SECRET)] {
        let (_, _, text) = crate::harness::process::get(&collector.admin, page, &[]);
        assert!(!text.contains(token), "{text}");
    }
    let at_start = collector.said_at_start.clone();
    let said = collector.terminate();
    for secret in [SECRET, OTHER, "name-of-a-service", "secret-host"] {
        assert!(
            !at_start.contains(secret) && !said.contains(secret),
            "{secret} in\n{at_start}{said}"
        );
    }
    let refusals = said.lines().filter(|line| line.contains("request refused"));
    // 601 refusals: the first, and one each ten seconds.
    let count = refusals.clone().count();
    assert!((1..60).contains(&count), "{count} lines in\n{said}");
    assert!(
        refusals
            .clone()
            .all(|line| line.contains("WARN") && line.contains("reason=")),
        "{said}"
    );
    assert!(said.lines().count() < count + 20, "{said}");
}
