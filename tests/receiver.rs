//! `tracemesh collect` as a server that others reach: its flags for TLS and tokens under a real SDK, and its end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::collect::sdk_python;
use crate::harness::process::{Collector, post};
use crate::harness::{root, tracemesh};

/// Files of an authority with one certificate for the receiver and its senders.
struct Files {
    place: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.distinguished_name = named("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let authority = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
        params.distinguished_name = named("receiver");
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        let files = Self { place };
        files.write("ca.crt", &authority);
        files.write("tls.crt", &certificate.pem());
        files.write("tls.key", &key.serialize_pem());
        files.write("tokens", "# senders\nsesame-0123456789\n");
        files
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.place.path().join(name), text).expect("a file is written");
    }

    fn path(&self, name: &str) -> String {
        self.place.path().join(name).display().to_string()
    }

    fn store(&self) -> PathBuf {
        self.place.path().join("data")
    }
}

/// Without names of their own, OpenSSL takes the certificate for one that signed itself.
fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

fn send(python: &Path, collector: &Collector, variables: &[(&str, String)]) -> bool {
    let sent = Command::new(python)
        .arg(root().join("tests/collect/real_sdk.py"))
        .args([&collector.grpc, &collector.http, "5"])
        .envs(variables.iter().map(|(name, value)| (name, value)))
        // The library below the HTTP exporter prefers these to the certificate that it is told.
        .env_remove("REQUESTS_CA_BUNDLE")
        .env_remove("CURL_CA_BUNDLE")
        .output()
        .expect("Python runs");
    sent.status.success()
}

/// Both exporters of the SDK, with a client certificate, a token and gzip, as their users configure them.
#[test]
fn a_real_sdk_sends_under_mutual_tls_with_a_token() {
    let Some(python) = sdk_python() else { return };
    let files = Files::new();
    let (crt, key) = (files.path("tls.crt"), files.path("tls.key"));
    let (ca, tokens) = (files.path("ca.crt"), files.path("tokens"));
    let tls = [
        "--tls-cert",
        &crt,
        "--tls-key",
        &key,
        "--tls-client-ca",
        &ca,
    ];
    let arguments = [&tls[..], &["--token-file", &tokens]].concat();
    let collector = Collector::start(&files.store(), &arguments);
    let variables = [
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", files.path("ca.crt")),
        (
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
            files.path("tls.crt"),
        ),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", files.path("tls.key")),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20sesame-0123456789".to_owned(),
        ),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".to_owned()),
    ];
    assert!(send(python, &collector, &variables));
    let said = collector.terminate();
    assert!(said.contains("received 15 spans"), "{said}");
    assert!(said.contains("0 requests refused"), "{said}");
    assert!(!said.contains("sesame"), "{said}");
}

/// What an orchestrator with little patience does.
#[test]
fn a_second_signal_ends_it_at_once() {
    let files = Files::new();
    let collector = Collector::start(&files.store(), &["--drain-timeout", "1h"]);
    let mut slow = TcpStream::connect(&collector.http).expect("the receiver listens");
    let head = "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n";
    // The first answer tells that the connection is served; the second request stays in work.
    slow.write_all(format!("{head}{{}}").as_bytes())
        .expect("a request is sent");
    let mut answer = [0; 15];
    slow.read_exact(&mut answer).expect("it is answered");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    slow.write_all(format!("{head}{{").as_bytes())
        .expect("a part is sent");
    std::thread::sleep(Duration::from_millis(500));
    collector.signal();
    let is_closed = (0..3_000).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        TcpStream::connect(&collector.http).is_err()
    });
    assert!(is_closed, "the port stays open");
    collector.signal();
    let (code, said) = collector.wait();
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("stopped at once by a second signal"),
        "{said}"
    );
}

#[test]
fn the_last_words_tell_why_requests_were_not_taken() {
    let files = Files::new();
    let tokens = files.path("tokens");
    let collector = Collector::start(&files.store(), &["--token-file", &tokens]);
    let status = post(&collector.http, "application/json", b"{}");
    assert_eq!(status, "HTTP/1.1 401 Unauthorized");
    let said = collector.terminate();
    assert!(
        said.contains("requests not taken by reason: unauthenticated: 1"),
        "{said}"
    );
}

#[test]
fn security_that_cannot_be_had_is_refused_at_the_start() {
    let files = Files::new();
    let store = files.store().display().to_string();
    let run = |further: &[&str]| tracemesh(&[&["collect", "--store", &store], further].concat());
    let alone = run(&["--tls-cert", "x"]);
    let said = alone.expect_code(2).stderr;
    assert!(said.contains("--tls-key <FILE>"), "{said}");
    files.write("tls.key", "hunter2");
    files.write("tokens", "hunter2");
    let (crt, key, tokens) = (
        files.path("tls.crt"),
        files.path("tls.key"),
        files.path("tokens"),
    );
    let both = run(&[
        "--tls-cert",
        &crt,
        "--tls-key",
        &key,
        "--token-file",
        &tokens,
    ]);
    let said = both.expect_refusal("it holds no private key in PEM");
    assert!(
        said.contains("line 1: a token has at least 16 characters"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
    // Refused before anything was made.
    assert!(!files.store().exists());
}

#[test]
fn too_little_room_for_the_largest_request_is_a_fault_that_says_how_much_it_takes() {
    let run = |room: &str| {
        let options = ["--max-request-mib", "64", "--max-in-flight-mib", room];
        tracemesh(&[&["collect", "--print-config"], &options[..]].concat())
    };
    let said = run("448").expect_refusal("`--max-in-flight-mib 448` has no room for one request");
    assert!(
        said.contains("set `--max-in-flight-mib` to 449 or more"),
        "{said}"
    );
    let in_force = run("449").expect_code(0).stdout;
    assert!(in_force.contains("max-in-flight-mib: 449"), "{in_force}");
}

/// What a browser asks before a page may send: pages of the origins that were named, and no others.
#[test]
fn pages_of_named_origins_may_send() {
    let files = Files::new();
    let store = files.store().display().to_string();
    let wrong = tracemesh(&[
        "collect",
        "--store",
        &store,
        "--cors-origin",
        "https://a.example/",
    ]);
    let said = wrong.expect_code(2).stderr;
    assert!(
        said.contains("leave out the path, and the last `/` too"),
        "{said}"
    );
    let named = [
        "--cors-origin",
        "https://a.example",
        "--cors-origin",
        "http://localhost:3000",
    ];
    let collector = Collector::start(&files.store(), &named);
    let asked = |origin: &str| {
        let mut stream = TcpStream::connect(&collector.http).expect("the receiver listens");
        let question = format!(
            "OPTIONS /v1/traces HTTP/1.1\r\nHost: a\r\nConnection: close\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n"
        );
        stream.write_all(question.as_bytes()).expect("it is read");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is answered");
        answer.contains(&format!("access-control-allow-origin: {origin}\r\n"))
    };
    assert!(asked("https://a.example") && asked("http://localhost:3000"));
    assert!(!asked("https://b.example"));
    collector.terminate();
}
