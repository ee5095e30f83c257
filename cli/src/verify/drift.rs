//! The drift log of a sidecar, line by line, among whatever else stands on its standard output.
//!
//! Container runtimes put a time and a stream in front of lines, or wrap them in JSON of their own: both are taken off. Values
//! come from clients; they are kept as text, cut to a bound, and never trusted.

use std::io::{self, BufReader, Read};

use serde::Deserialize;
use serde_json::Value;
use tracemesh_graph::verify::drift::{DriftInput, DriftKind, DriftLine, DriftLog};

/// Longest line: Envoy bounds the headers of a request to 96 KiB here, and only one of them is in a line.
const MAX_LINE: usize = 256 << 10;

/// Longest value kept: longer than any host name.
const MAX_VALUE: usize = 300;

/// Reads a log to its end. `service` is whose log it is, for lines that do not say.
///
/// # Errors
/// When the log cannot be read to its end. Lines that mean nothing are counted.
pub fn read(reader: impl Read, service: Option<&str>) -> io::Result<(DriftLog, DriftInput)> {
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let (mut log, mut input) = (DriftLog::default(), DriftInput::default());
    let mut line = Vec::new();
    while let Some(is_whole) = next_line(&mut reader, &mut line)? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        input.lines += 1;
        if !is_whole {
            input.too_long += 1;
            continue;
        }
        match parse(&line, service) {
            Parsed::Drift(line) => {
                input.drift += 1;
                log.add(line);
            }
            Parsed::Damaged => input.damaged += 1,
            Parsed::Other => input.other += 1,
        }
    }
    Ok((log, input))
}

/// The next line without its end; the answer tells whether it is whole, `None` at the end of the log.
fn next_line(reader: &mut impl io::BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let mut is_whole = true;
    let mut is_any = false;
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(is_any.then_some(is_whole));
        }
        is_any = true;
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = end.unwrap_or(available.len());
        let room = MAX_LINE.saturating_sub(line.len());
        is_whole &= part <= room;
        line.extend(available.iter().take(part.min(room)));
        reader.consume(part + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(Some(is_whole));
        }
    }
}

enum Parsed {
    Drift(DriftLine),
    /// A line of the drift log with something missing.
    Damaged,
    Other,
}

#[derive(Deserialize)]
struct Line {
    tracemesh: Value,
    #[serde(rename = "where", default)]
    place: Value,
    #[serde(default)]
    service: Value,
    #[serde(default)]
    dst: Value,
    #[serde(default)]
    authority: Value,
    #[serde(default)]
    sni: Value,
}

/// A line as container runtimes of Docker write it.
#[derive(Deserialize)]
struct Wrapped {
    log: String,
}

fn parse(line: &[u8], service: Option<&str>) -> Parsed {
    let Some(json) = object(line) else {
        return Parsed::Other;
    };
    if let Ok(own) = serde_json::from_slice::<Line>(json) {
        return drift(&own, service);
    }
    let wrapped = serde_json::from_slice::<Wrapped>(json).ok();
    let inner = wrapped
        .as_ref()
        .and_then(|line| object(line.log.as_bytes()));
    match inner.map(serde_json::from_slice::<Line>) {
        Some(Ok(own)) => drift(&own, service),
        _ => Parsed::Other,
    }
}

/// From the first brace on.
fn object(line: &[u8]) -> Option<&[u8]> {
    let start = line.iter().position(|byte| *byte == b'{')?;
    line.get(start..)
}

fn drift(line: &Line, service: Option<&str>) -> Parsed {
    let text = |value: &Value| {
        // Envoy writes `-` or null for what it does not know.
        let text = value
            .as_str()
            .filter(|text| *text != "-")
            .unwrap_or_default();
        text.chars().take(MAX_VALUE).collect::<String>()
    };
    let kind = match (line.tracemesh.as_str(), line.place.as_str()) {
        (Some("unobserved"), Some("http")) => DriftKind::Request,
        (Some("unobserved"), Some("tcp")) => DriftKind::Connection,
        (Some("unobserved"), Some("inbound")) => DriftKind::Inbound,
        (Some("attributed_by_port"), _) => DriftKind::AttributedByPort,
        (Some("refused"), _) => DriftKind::Refused,
        (Some(_), _) => return Parsed::Damaged,
        (None, _) => return Parsed::Other,
    };
    let destination = text(&line.dst);
    if destination.is_empty() {
        return Parsed::Damaged;
    }
    let told = text(&line.service);
    Parsed::Drift(DriftLine {
        service: if told.is_empty() {
            service.unwrap_or_default().to_owned()
        } else {
            told
        },
        kind,
        destination,
        authority: text(&line.authority),
        server_name: text(&line.sni),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRIFT: &str = r#"{"authority":"a.example.com","dst":"10.0.0.7:8080","flags":"-","service":"service/shop/cart","sni":null,"tracemesh":"unobserved","upstream":"10.0.0.7:8080","where":"http"}"#;

    #[test]
    fn lines_are_found_among_others_and_every_line_is_counted() {
        let wrapped = serde_json::json!({"log": format!("{DRIFT}\n"), "stream": "stdout"});
        let long = format!("{{\"x\":\"{}\"}}", "a".repeat(MAX_LINE));
        let lines: Vec<Vec<u8>> = vec![
            DRIFT.into(),
            format!("2026-11-22T03:00:00Z stdout F {DRIFT}\r").into(),
            format!("[pod/cart/envoy] {DRIFT}").into(),
            wrapped.to_string().into(),
            b"[info] starting".to_vec(),
            b"".to_vec(),
            b"{\"tracemesh\":\"new kind\"}".to_vec(),
            b"{\"tracemesh\":\"unobserved\",\"where\":\"tcp\"}".to_vec(),
            b"{\"tracemesh\":7}".to_vec(),
            b"{\"level\":\"info\"}".to_vec(),
            vec![0xff, b'{', 0xfe],
            "[".repeat(200_000).into(),
            format!("{{\"tracemesh\":{}", "[".repeat(100_000)).into(),
            long.into(),
            b"{\"tracemesh\":\"refused\",\"where\":\"loop_guard\",\"dst\":\"1.2.3.4:15001\"}"
                .to_vec(),
        ];
        let (log, input) = read(lines.join(&b'\n').as_slice(), Some("service/x")).unwrap();
        let expected = DriftInput {
            lines: 14,
            drift: 5,
            other: 6,
            damaged: 2,
            too_long: 1,
            folded: 0,
        };
        assert_eq!(input, expected);
        let report = log.report(input, None);
        assert_eq!(report.edges.len(), 2);
        assert_eq!((report.edges[0].count, report.edges[1].count), (4, 1));
        assert_eq!(report.edges[0].service, "service/shop/cart");
        assert_eq!(report.edges[1].service, "service/x");
        assert_eq!(report.missing().count(), 2);
    }

    #[test]
    fn any_bytes_are_read() {
        use proptest::prelude::*;
        proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..300))| {
            let (_, input) = read(bytes.as_slice(), None).unwrap();
            let parts = input.drift + input.other + input.damaged + input.too_long;
            prop_assert_eq!(input.lines, parts);
        });
    }
}
