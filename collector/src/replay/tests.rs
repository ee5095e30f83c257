use std::fs;
use std::io::Write;

use flate2::write::GzEncoder;
use prost::Message;
use tempfile::TempDir;
use tracemesh_graph::time::Timestamp;

use super::*;
use crate::testing::{sample_request, sample_span};

const JSON: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]},"scopeSpans":[{"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","name":"GET","kind":2,"startTimeUnixNano":"1","endTimeUnixNano":2}]}]}]}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn protobuf() -> Vec<u8> {
    sample_request(vec![sample_span(1, 1), sample_span(1, 2)]).encode_to_vec()
}

fn varint_delimited(count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        bytes.extend(
            sample_request(vec![sample_span(1, 1), sample_span(1, 2)])
                .encode_length_delimited_to_vec(),
        );
    }
    bytes
}

fn fixed_delimited(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend(message);
    }
    bytes
}

fn read(path: &Path) -> Result<Replay, ReadError> {
    replay(
        &[Input::Path(path.to_owned())],
        &Settings::default(),
        &mut |_| {},
    )
}

fn read_bytes(bytes: &[u8]) -> Result<Replay, ReadError> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("misleading.txt");
    fs::write(&path, bytes).unwrap();
    read(&path)
}

const ZIPKIN: &str = r#"{"traceId":"5b8efff798038103","id":"eee19b7ec3c1b174","timestamp":1,"localEndpoint":{"serviceName":"web"}}"#;

const JAEGER_SPAN: &str = r#"{"traceID":"5b8efff798038103","spanID":"eee19b7ec3c1b174","startTime":1,"process":{"serviceName":"web"}}"#;

fn jaeger() -> String {
    format!(
        r#"{{"traceID":"5b8efff798038103","spans":[{JAEGER_SPAN},{JAEGER_SPAN}],"processes":{{}}}}"#
    )
}

fn found(bytes: &[u8]) -> String {
    match read_bytes(bytes).unwrap_err().cause {
        ReadCause::NotTraces(found) => found,
        other => panic!("recognised as traces: {other:?}"),
    }
}

fn breakage(bytes: &[u8]) -> (u64, Option<u64>, String, u64) {
    let error = read_bytes(bytes).unwrap_err();
    match error.cause {
        ReadCause::Broken {
            offset,
            line,
            cause,
        } => (offset, line, cause, error.spans),
        other => panic!("not broken: {other:?}"),
    }
}

#[test]
fn every_layout_is_recognised_under_every_compression() {
    let layouts: Vec<(Vec<u8>, Format, u64, u64)> = vec![
        (JSON.into(), Format::Json, 1, 1),
        (
            format!("\u{feff}\n {JSON}\n\n{JSON}\r\n").into(),
            Format::Json,
            2,
            2,
        ),
        (format!("[{JSON} , {JSON}]").into(), Format::Json, 2, 2),
        (format!("\n\n\n[{JSON}]").into(), Format::Json, 1, 1),
        (
            JSON.replace(',', ",\n  ").repeat(2).into(),
            Format::Json,
            2,
            2,
        ),
        (protobuf(), Format::Protobuf, 1, 2),
        (varint_delimited(1), Format::VarintDelimited, 1, 2),
        (varint_delimited(3), Format::VarintDelimited, 3, 6),
        (fixed_delimited(&[protobuf()]), Format::FixedDelimited, 1, 2),
        (
            fixed_delimited(&[protobuf(), protobuf()]),
            Format::FixedDelimited,
            2,
            4,
        ),
        (
            fixed_delimited(&[zstd(JSON.as_bytes()), zstd(&protobuf())]),
            Format::FixedDelimited,
            2,
            3,
        ),
        (
            fixed_delimited(&[JSON.into()]),
            Format::FixedDelimited,
            1,
            1,
        ),
    ];
    check_layouts(layouts);
}

#[test]
fn zipkin_and_jaeger_are_recognised_under_every_compression() {
    check_layouts(vec![
        (format!("[{ZIPKIN},{ZIPKIN}]").into(), Format::Zipkin, 1, 2),
        (
            format!("[[{ZIPKIN}],\n [], [{ZIPKIN}]]").into(),
            Format::Zipkin,
            1,
            2,
        ),
        (format!("{ZIPKIN}\n{ZIPKIN}\n").into(), Format::Zipkin, 1, 2),
        (jaeger().into(), Format::Jaeger, 1, 2),
        (
            format!("{{\"data\":[{0},{0}]}}\n{{\"data\":[{0}]}}", jaeger()).into(),
            Format::Jaeger,
            2,
            6,
        ),
        (
            format!("{JAEGER_SPAN}\n{{\"_source\":{JAEGER_SPAN}}}").into(),
            Format::Jaeger,
            1,
            2,
        ),
    ]);
}

/// Each file, plain and compressed, has this format, so many requests, and so many spans.
fn check_layouts(layouts: Vec<(Vec<u8>, Format, u64, u64)>) {
    for (bytes, format, requests, spans) in layouts {
        let stored = [
            (bytes.clone(), Compression::None),
            (gzip(&bytes), Compression::Gzip),
            (zstd(&bytes), Compression::Zstd),
        ];
        for (stored, compression) in stored {
            let replay = read_bytes(&stored).unwrap_or_else(|error| panic!("{format}: {error}"));
            let report = &replay.files[0];
            assert_eq!(
                (
                    report.format,
                    report.compression,
                    report.requests,
                    report.spans,
                    report.bytes
                ),
                (format, compression, requests, spans, stored.len() as u64)
            );
        }
    }
}

#[test]
fn several_gzip_members_and_zstd_frames_are_one_file() {
    let line = format!("{JSON}\n");
    for stored in [
        gzip(line.as_bytes()).repeat(2),
        zstd(line.as_bytes()).repeat(2),
    ] {
        assert_eq!(read_bytes(&stored).unwrap().files[0].spans, 2);
    }
}

#[test]
fn a_file_that_is_no_trace_file_is_named_for_what_it_is() {
    assert_eq!(found(b""), "an empty file");
    assert_eq!(found(b" \n"), "nothing but white space");
    assert_eq!(found(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "a PNG image");
    assert_eq!(
        found(b"# Traces\n\nSee the wiki.\n"),
        "text that is not JSON"
    );
    assert_eq!(
        found(br#"{"data": [], "total": 0}"#),
        "JSON that is neither OTLP, Zipkin v2 nor Jaeger (it has `data`, `total`)"
    );
    assert_eq!(
        found(b"{}"),
        "JSON that is neither OTLP, Zipkin v2 nor Jaeger (it has no keys)"
    );
    assert!(found(b"{ broken").starts_with("text that begins like JSON"));
    assert!(found(b"[1, 2]").starts_with("text that begins like JSON"));
    assert!(found(&[0; 4096]).starts_with("binary data"));
    assert!(found(&gzip(&gzip(JSON.as_bytes()))).starts_with("gzip data inside"));
    assert!(found(&[0x1f, 0x8b, 8]).contains("truncated"));
}

#[test]
fn damage_is_named_with_position_and_what_was_read_before() {
    let lines = format!("{JSON}\n{JSON}\n");
    let (offset, line, cause, spans) =
        breakage(format!("{lines}{{\"resourceSpans\":[}}").as_bytes());
    assert_eq!((offset, line, spans), (lines.len() as u64, Some(3), 2));
    assert!(cause.contains("ends inside"), "{cause}");

    let (offset, line, cause, _) = breakage(format!("{lines}{{\"resourceSpans\":\n7}}").as_bytes());
    assert_eq!((offset, line), (lines.len() as u64 + 18, Some(4)));
    assert!(cause.contains("invalid type: integer `7`"), "{cause}");

    let (offset, line, ..) = breakage(format!("{lines}trailing").as_bytes());
    assert_eq!((offset, line), (lines.len() as u64, Some(3)));

    let frames = varint_delimited(2);
    let (offset, line, cause, spans) = breakage(&frames[..frames.len() - 3]);
    assert_eq!((offset, line, spans), (frames.len() as u64 / 2, None, 2));
    assert!(cause.contains("ends 3 bytes before"), "{cause}");

    let single = protobuf();
    let (offset, _, cause, _) = breakage(&single[..single.len() - 1]);
    assert_eq!(offset, 0);
    assert!(cause.contains("ends 1 bytes before"), "{cause}");

    let packed = gzip(lines.repeat(400).as_bytes());
    let (_, _, cause, spans) = breakage(&packed[..packed.len() - 4]);
    assert!(
        cause.contains("gzip data is truncated near byte"),
        "{cause}"
    );
    assert!(spans > 0);
    let mut trailing = gzip(lines.as_bytes());
    trailing.extend(b"this is not a gzip member");
    let (_, _, cause, _) = breakage(&trailing);
    assert!(cause.contains("gzip data is damaged"), "{cause}");
}

#[test]
fn a_bad_span_in_a_file_costs_that_span_only() {
    let mut bad = sample_span(1, 3);
    bad.trace_id.pop();
    let bytes = sample_request(vec![sample_span(1, 1), bad, sample_span(1, 2)]).encode_to_vec();
    let replay = read_bytes(&bytes).unwrap();
    assert_eq!((replay.files[0].spans, replay.files[0].rejected), (2, 1));
    assert_eq!(replay.rejected[&RejectReason::TraceId], 1);
}

#[test]
fn other_signals_in_the_same_file_are_counted_and_passed_over() {
    let text = format!("{{\"resourceMetrics\":[]}}\n{JSON}\n{{\"resourceLogs\":[]}}\n");
    let report = read_bytes(text.as_bytes()).unwrap().files.remove(0);
    assert_eq!(
        (report.requests, report.spans, report.other_objects),
        (1, 1, 2)
    );
}

/// One object that cannot be told beside spans is one that is broken; beside requests it is something else.
#[test]
fn what_cannot_be_told_in_a_list_of_spans_is_a_rejected_span() {
    let text = format!("[{ZIPKIN},{{}},{ZIPKIN},{{\"traceId\":\"1\"}}]");
    let replay = read_bytes(text.as_bytes()).unwrap();
    let report = &replay.files[0];
    assert_eq!(
        (report.spans, report.rejected, report.other_objects),
        (2, 2, 0)
    );
    let text = format!("{}{{}}", jaeger());
    let report = read_bytes(text.as_bytes()).unwrap().files.remove(0);
    assert_eq!((report.spans, report.other_objects), (2, 1));
}

#[test]
fn formats_may_be_mixed_in_a_file() {
    let text = format!("{{\"x\":1}}\n{ZIPKIN}\n{JSON}\n{}\n", jaeger());
    let report = read_bytes(text.as_bytes()).unwrap().files.remove(0);
    assert_eq!(
        (report.format, report.spans, report.other_objects),
        (Format::Zipkin, 4, 1)
    );
}

#[test]
fn files_of_zipkin_and_jaeger_that_are_cut_off_are_broken_and_not_unknown() {
    let (offset, line, cause, spans) = breakage(format!("[{ZIPKIN},\n{ZIPKIN}").as_bytes());
    assert_eq!(
        (offset, line, spans),
        (2 * ZIPKIN.len() as u64 + 3, Some(2), 2)
    );
    assert!(cause.contains("ends inside an array"), "{cause}");
    let (_, _, cause, _) = breakage(&ZIPKIN.as_bytes()[..60]);
    assert!(cause.contains("ends inside the object"), "{cause}");
    let whole = format!("{{\"data\":[{}]}}", jaeger());
    let (offset, ..) = breakage(&whole.as_bytes()[..whole.len() - 1]);
    assert_eq!(offset, 0);
    let bent = whole.replace("\"spans\":[", "\"spans\":7,\"x\":[");
    let (offset, line, cause, _) = breakage(bent.as_bytes());
    assert_eq!((offset, line), (47, Some(1)));
    assert!(cause.contains("invalid type: integer `7`"), "{cause}");
}

#[test]
fn requests_over_the_limit_are_refused_by_size() {
    let limits = ReadLimits {
        max_protobuf_bytes: 40,
        max_json_bytes: 40,
    };
    let dir = TempDir::new().unwrap();
    for (bytes, what) in [
        (JSON.into(), "longer than 40 bytes"),
        (protobuf(), "more than the limit of 40"),
        (varint_delimited(2), "more than the limit of 40"),
        (fixed_delimited(&[protobuf()]), "more than the limit of 40"),
        (fixed_delimited(&[zstd(JSON.as_bytes())]), "more than"),
    ] {
        let path = dir.path().join("t");
        fs::write(&path, bytes).unwrap();
        let inputs = [Input::Path(path)];
        let error = replay_with_limits(&inputs, &Settings::default(), limits, &mut |_| {});
        let error = error.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn a_directory_is_searched_in_order_and_strays_are_reported() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("b/deep")).unwrap();
    fs::create_dir(at(".git")).unwrap();
    fs::write(at("b/deep/2"), protobuf()).unwrap();
    fs::write(at("b/1"), JSON).unwrap();
    fs::write(at("a"), varint_delimited(2)).unwrap();
    fs::write(at("README.md"), "# Traces\n").unwrap();
    fs::write(at(".git/config"), JSON).unwrap();
    std::os::unix::fs::symlink(dir.path(), at("loop")).unwrap();
    std::os::unix::fs::symlink(at("nowhere"), at("gone")).unwrap();
    let replay = read(dir.path()).unwrap();
    let names: Vec<_> = replay.files.iter().map(|f| f.name.clone()).collect();
    assert_eq!(
        names,
        ["a", "b/1", "b/deep/2"].map(|n| display_name(&at(n)))
    );
    let skipped: BTreeMap<_, _> = replay
        .skipped
        .iter()
        .map(|s| (s.name.clone(), s.reason.as_str()))
        .collect();
    assert_eq!(
        skipped,
        BTreeMap::from([
            (display_name(&at("README.md")), "text that is not JSON"),
            (display_name(&at("gone")), "a symbolic link to nowhere"),
            (display_name(&at("loop")), "a symbolic link to a directory"),
        ])
    );
}

#[test]
fn a_broken_trace_file_in_a_directory_is_an_error_and_so_is_a_directory_without_any() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("notes.json"), "{ // no JSON").unwrap();
    let error = read(dir.path()).unwrap_err();
    assert!(
        matches!(error.cause, ReadCause::EmptyDirectory { skipped: 1 }),
        "{error}"
    );
    fs::write(dir.path().join("t.json"), &JSON.as_bytes()[..60]).unwrap();
    let error = read(dir.path()).unwrap_err();
    assert!(error.name.ends_with("t.json"));
    assert!(
        matches!(error.cause, ReadCause::Broken { line: Some(1), .. }),
        "{error}"
    );
}

#[test]
fn a_missing_file_is_an_error_with_a_hint() {
    let error = read(Path::new("no/such\nfile")).unwrap_err();
    assert_eq!(error.to_string(), "`no/such\\nfile`: cannot be read");
    assert_eq!(error.hint(), Some("check the path"));
}

#[test]
fn progress_is_told_for_every_file() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("a"), JSON).unwrap();
    fs::write(dir.path().join("b"), JSON).unwrap();
    let mut seen = Vec::new();
    let inputs = [Input::Path(dir.path().to_owned())];
    replay(&inputs, &Settings::default(), &mut |p: &Progress| {
        seen.push((p.files_done, p.files, p.spans));
    })
    .unwrap();
    assert_eq!(seen.first(), Some(&(0, 2, 0)));
    assert_eq!(seen.last(), Some(&(1, 2, 2)));
}

/// One span without a start beside good ones: it is counted, and the graph is of the day of the others, not of all days since 1970.
#[test]
fn spans_without_a_start_are_rejected_and_stretch_no_window() {
    let good = sample_span(1, 1);
    let mut undated = sample_span(1, 2);
    undated.start_time_unix_nano = 0;
    let mut years_off = sample_span(2, 3);
    years_off.start_time_unix_nano = 1;
    let bytes = sample_request(vec![good.clone(), undated]).encode_to_vec();
    let replay = read_bytes(&bytes).unwrap();
    assert_eq!(
        replay.rejected,
        BTreeMap::from([(RejectReason::StartTime, 1)])
    );
    assert_eq!((replay.files[0].spans, replay.files[0].rejected), (1, 1));
    let graph = replay.segment.snapshot(&Settings::default());
    let told = &graph.diagnostics;
    assert_eq!(told.rejected["start_time"], 1);
    assert_eq!((told.spans, told.used), (2, 1));
    let start = graph.window.start.unwrap();
    assert_eq!(start, Timestamp(good.start_time_unix_nano));
    // What a file says is taken as it is, also where it is hard to believe.
    let bytes = sample_request(vec![good, years_off]).encode_to_vec();
    let graph = read_bytes(&bytes)
        .unwrap()
        .segment
        .snapshot(&Settings::default());
    assert_eq!(graph.window.start, Some(Timestamp(1)));
}
