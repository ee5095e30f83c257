//! The collector as its peers see it: real sockets, a real OTLP client, and HTTP written by hand.

#[cfg(test)]
#[path = "receive/cardinality.rs"]
mod cardinality;
#[cfg(test)]
#[path = "receive/faults.rs"]
mod faults;
#[cfg(test)]
#[path = "receive/harness.rs"]
mod harness;
#[cfg(test)]
#[path = "receive/leftover.rs"]
mod leftover;
#[cfg(test)]
#[path = "receive/life.rs"]
mod life;
#[cfg(test)]
#[path = "receive/overload.rs"]
mod overload;
#[cfg(test)]
#[path = "receive/pages.rs"]
mod pages;
#[cfg(test)]
#[path = "receive/security.rs"]
mod security;

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use harness::{Collector, gzip, http, obstruct_store, raw_grpc, remove_store, sample};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tonic::codec::CompressionEncoding;
use tracemesh_collector::ReceiverLimits;
use tracemesh_collector::input::Input;
use tracemesh_collector::replay::replay;
use tracemesh_collector::serve::{CollectError, CollectOptions, collect};
use tracemesh_collector::store::{Location, StoreContents, Wanted, read};
use tracemesh_graph::settings::Settings;

const JSON: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
    {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"},{"traceId":""}]}]}]}"#;
const PROTOBUF: &str = "application/x-protobuf";

fn contents_of(store: &Path) -> StoreContents {
    read(&Location::from(store), &Wanted::default()).expect("the store can be read")
}

#[tokio::test]
async fn grpc_takes_spans_under_every_compression_and_reports_bad_ones() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let endpoint = format!("http://{}", collector.addresses.grpc);
    let client = TraceServiceClient::connect(endpoint).await.unwrap();
    let mut gzipped = client.clone().send_compressed(CompressionEncoding::Gzip);
    let mut packed = client.clone().send_compressed(CompressionEncoding::Zstd);
    let mut plain = client;
    let response = plain.export(sample(3, 0)).await.unwrap().into_inner();
    assert_eq!(response, ExportTraceServiceResponse::default());
    let response = gzipped.export(sample(2_000, 2)).await.unwrap().into_inner();
    let partial = response.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 2);
    assert_eq!(
        partial.error_message,
        "spans rejected by reason: trace_id: 2"
    );
    packed.export(sample(2_000, 0)).await.unwrap();
    drop((plain, gzipped, packed));
    let (summary, _store) = collector.stop().await;
    let totals = summary.totals;
    assert_eq!(
        (totals.requests, totals.spans, totals.rejected_spans),
        (3, 4_003, 2)
    );
    assert!(!summary.cut_off);
}

#[tokio::test]
async fn grpc_refuses_what_it_cannot_decode_and_lives_on() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let error = raw_grpc(collector.addresses.grpc, vec![0x0a, 0xff])
        .await
        .unwrap_err();
    assert_eq!(error.code(), tonic::Code::InvalidArgument);
    assert!(error.message().contains("byte 1"), "{}", error.message());
    raw_grpc(collector.addresses.grpc, sample(1, 0).encode_to_vec())
        .await
        .unwrap();
    assert_eq!(collector.stop().await.0.totals.refused, 1);
}

#[tokio::test]
async fn grpc_refuses_bombs() {
    let limits = ReceiverLimits {
        max_decompressed_bytes: 10_000,
        ..ReceiverLimits::default()
    };
    let collector = Collector::start(limits).await;
    let endpoint = format!("http://{}", collector.addresses.grpc);
    let client = TraceServiceClient::connect(endpoint).await.unwrap();
    let mut gzipped = client.clone().send_compressed(CompressionEncoding::Gzip);
    let mut packed = client.send_compressed(CompressionEncoding::Zstd);
    let message = "10000 bytes after decompression";
    for error in [
        gzipped.export(sample(2_000, 0)).await,
        packed.export(sample(2_000, 0)).await,
    ] {
        let error = error.unwrap_err();
        assert_eq!(error.code(), tonic::Code::ResourceExhausted, "{error}");
        assert!(error.message().contains(message), "{error}");
        assert!(
            error.details().is_empty(),
            "no RetryInfo: it stays too large"
        );
    }
    let totals = collector.stop().await.0.totals;
    assert_eq!((totals.spans, totals.refused), (0, 2));
    assert_eq!(totals.refused_by["too_large_decompressed"], 2);
}

/// The bound on requests as sent holds for both protocols, to the byte.
#[tokio::test]
async fn requests_are_measured_as_sent_over_both_protocols() {
    const MAX: usize = 100_000;
    let limits = ReceiverLimits {
        max_body_bytes: MAX,
        ..ReceiverLimits::default()
    };
    let collector = Collector::start(limits).await;
    let (grpc, address) = (collector.addresses.grpc, collector.addresses.http);
    // An unknown field of bytes fills a request up to any length.
    let filled = |length: usize| {
        let mut body = vec![0x7a, 0, 0, 0];
        body.resize(length, 0xab);
        let content = length - 4;
        for (index, byte) in body[1..4].iter_mut().enumerate() {
            let more = if index < 2 { 0x80 } else { 0 };
            *byte = u8::try_from(content >> (7 * index) & 0x7f).unwrap() | more;
        }
        body
    };
    raw_grpc(grpc, filled(MAX)).await.unwrap();
    assert_eq!(
        http(address, PROTOBUF, "identity", &filled(MAX))
            .await
            .status,
        200
    );
    for length in [MAX + 1, 27 * MAX] {
        let error = raw_grpc(grpc, filled(length)).await.unwrap_err();
        assert_eq!(error.code(), tonic::Code::ResourceExhausted, "{error}");
        let message = "the request has more than 100000 bytes as sent: send smaller batches";
        assert_eq!(error.message(), message);
        let answer = http(address, PROTOBUF, "identity", &filled(length)).await;
        assert_eq!(answer.status, 413);
        let body = String::from_utf8_lossy(&answer.body);
        assert!(body.contains(message), "{body}");
    }
    let totals = collector.stop().await.0.totals;
    assert_eq!((totals.requests, totals.refused), (2, 4));
}

#[tokio::test]
async fn http_takes_both_encodings_under_every_compression() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let address = collector.addresses.http;
    let protobuf = sample(2, 1).encode_to_vec();
    for (encoding, compress) in [
        ("identity", (|bytes| bytes.to_vec()) as fn(&[u8]) -> Vec<u8>),
        ("gzip", gzip),
        ("deflate", harness::zlib),
        ("zstd", |bytes| zstd::encode_all(bytes, 1).unwrap()),
    ] {
        let answer = http(address, PROTOBUF, encoding, &compress(&protobuf)).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, PROTOBUF)
        );
        let response = ExportTraceServiceResponse::decode(&answer.body[..]).unwrap();
        assert_eq!(response.partial_success.unwrap().rejected_spans, 1);

        let answer = http(
            address,
            "application/json",
            encoding,
            &compress(JSON.as_bytes()),
        )
        .await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "application/json")
        );
        assert_eq!(
            answer.text(),
            r#"{"partialSuccess":{"errorMessage":"spans rejected by reason: trace_id: 1","rejectedSpans":"1"}}"#
        );
    }
    let answer = http(address, "application/json", "identity", b"{}").await;
    assert_eq!((answer.status, answer.text()), (200, "{}"));
    let answer = http(address, PROTOBUF, "identity", b"").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    let (summary, _store) = collector.stop().await;
    assert_eq!((summary.totals.requests, summary.totals.spans), (10, 12));
}

#[tokio::test]
async fn http_says_what_is_wrong_with_a_request() {
    let limits = ReceiverLimits {
        max_body_bytes: 5_000,
        max_decompressed_bytes: 100_000,
        ..ReceiverLimits::default()
    };
    let collector = Collector::start(limits).await;
    let address = collector.addresses.http;
    let answer = http(
        address,
        "application/json",
        "identity",
        b"{\"resourceSpans\":7}",
    )
    .await;
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .text()
            .starts_with(r#"{"code":3,"message":"the request cannot be decoded: line 1"#)
    );
    let answer = http(address, PROTOBUF, "identity", &[0x0a, 0xff]).await;
    assert_eq!(
        (answer.status, &answer.body[..3]),
        (400, &[0x08, 3, 0x12][..])
    );
    let answer = http(address, PROTOBUF, "gzip", b"not gzip").await;
    assert_eq!(answer.status, 400);
    let bomb = gzip(&vec![0; 300_000]);
    assert!(bomb.len() < 5_000);
    assert_eq!(http(address, PROTOBUF, "gzip", &bomb).await.status, 413);
    assert_eq!(
        http(address, PROTOBUF, "identity", &[0; 5_001])
            .await
            .status,
        413
    );
    assert_eq!(
        http(address, "text/plain", "identity", b"x").await.status,
        415
    );
    let answer = http(address, PROTOBUF, "br", b"x").await;
    assert_eq!(
        (answer.status, answer.header("accept-encoding")),
        (415, "gzip, deflate, zstd")
    );
    let answer = harness::send(
        address,
        b"GET /v1/traces HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert_eq!((answer.status, answer.header("allow")), (405, "post"));
    let answer = harness::send(
        address,
        b"POST /v1/logs HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert_eq!(answer.status, 404);
    let mut chunked = b"POST /v1/traces HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..2 {
        chunked.extend(b"bb8\r\n");
        chunked.extend([b' '; 0xbb8]);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    assert_eq!(harness::send(address, &chunked).await.status, 413);
    let totals = collector.stop().await.0.totals;
    assert_eq!((totals.spans, totals.refused), (0, 8));
}

#[tokio::test]
async fn a_slow_sender_is_told_to_come_back_and_holds_nobody_up() {
    let limits = ReceiverLimits {
        read_timeout: Duration::from_millis(500),
        ..ReceiverLimits::default()
    };
    let collector = Collector::start(limits).await;
    let address = collector.addresses.http;
    let slow = tokio::spawn(async move {
        harness::send(address, b"POST /v1/traces HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{").await
    });
    let answer = http(address, "application/json", "identity", b"{}").await;
    assert_eq!(answer.status, 200);
    let slow = slow.await.unwrap();
    assert_eq!((slow.status, slow.header("retry-after")), (503, "1"));
    let totals = collector.stop().await.0.totals;
    assert_eq!((totals.turned_away, totals.refused_by["late"]), (1, 1));
}

#[tokio::test]
async fn shutdown_writes_what_was_acknowledged() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let answer = http(
        collector.addresses.http,
        "application/json",
        "identity",
        JSON.as_bytes(),
    )
    .await;
    assert_eq!(answer.status, 200);
    let (summary, store) = collector.stop().await;
    assert_eq!(summary.segments, 1);
    let contents = contents_of(store.path());
    assert_eq!((contents.segments, contents.skipped.len()), (1, 0));
    assert!(contents.window.start < contents.window.end);
}

/// The same spans give the same graph, whether they come as a file or in pieces over both protocols, to one shard or
/// several, in one segment or many.
#[tokio::test]
async fn sockets_and_files_give_the_same_graph() {
    let requests: Vec<_> = (1..=20).map(harness::call).collect();
    let files = tempfile::TempDir::new().unwrap();
    for (index, request) in requests.iter().enumerate() {
        std::fs::write(
            files.path().join(index.to_string()),
            request.encode_to_vec(),
        )
        .unwrap();
    }
    let settings = Settings::default();
    let inputs = [Input::Path(files.path().to_owned())];
    let from_files = replay(&inputs, &settings, &mut |_| {}).unwrap().segment;

    let collector = Collector::start_with(CollectOptions {
        shards: NonZeroUsize::new(3).unwrap(),
        flush_interval: Duration::from_millis(5),
        settings: Settings {
            slice_idle_ms: 300_000,
            slice_max_ms: 300_000,
            // These spans are years old, as in a replay.
            max_start_off_ms: u64::MAX,
            ..settings.clone()
        },
        ..CollectOptions::default()
    })
    .await;
    for (index, request) in requests.iter().enumerate().rev() {
        let bytes = request.encode_to_vec();
        if index % 2 == 0 {
            raw_grpc(collector.addresses.grpc, bytes).await.unwrap();
        } else {
            let answer = http(collector.addresses.http, PROTOBUF, "gzip", &gzip(&bytes)).await;
            assert_eq!(answer.status, 200);
        }
    }
    let (_summary, store) = collector.stop().await;
    let from_sockets = contents_of(store.path()).segment;
    let graph = from_sockets.snapshot(&settings);
    assert_eq!((graph.nodes.len(), graph.edges.len()), (2, 1));
    assert_eq!(graph.edges[0].calls, 20);
    assert_eq!(from_files.snapshot(&settings), graph);
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let store = tempfile::TempDir::new().unwrap();
    let options = CollectOptions {
        grpc_address: taken.local_addr().unwrap(),
        http_address: "127.0.0.1:0".parse().unwrap(),
        store: Location::from(store.path()),
        ..CollectOptions::default()
    };
    let error = collect(options, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, CollectError::Bind { .. }));
    let address = taken.local_addr().unwrap();
    assert_eq!(
        error.to_string(),
        format!("cannot listen for OTLP/gRPC on `{address}`")
    );
    assert!(error.hint().unwrap().contains("port"));
}

/// `rm -rf` of the store under a running collector costs what was in it, and nothing that comes after.
#[tokio::test]
async fn a_removed_store_comes_back_with_what_is_in_hand() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    remove_store(collector.store());
    let address = collector.addresses.http;
    let answer = http(address, "application/json", "identity", JSON.as_bytes()).await;
    assert_eq!(answer.status, 200);
    let (summary, store) = collector.stop().await;
    assert_eq!(summary.segments, 1);
    assert_eq!(contents_of(store.path()).segments, 1);
}

/// A store that cannot be written: what was taken is kept, senders are told to come back, and once the store is
/// writable again everything is there.
#[tokio::test]
async fn a_failing_store_loses_nothing() {
    let collector = Collector::start_with(CollectOptions {
        flush_interval: Duration::from_millis(5),
        ..CollectOptions::default()
    })
    .await;
    let address = collector.addresses.http;
    obstruct_store(collector.store());
    let bad = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}"#;
    let mut taken = 0;
    let turned_away = loop {
        let answer = http(address, "application/json", "identity", bad).await;
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
    };
    assert_eq!(turned_away.status, 503);
    assert!(turned_away.text().contains("cannot write its store"));
    std::fs::remove_file(collector.store()).unwrap();
    while http(address, "application/json", "identity", b"{}")
        .await
        .status
        != 200
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (summary, store) = collector.stop().await;
    assert_eq!(summary.totals.rejected_spans, taken);
    let segment = contents_of(store.path()).segment;
    let diagnostics = segment.snapshot(&Settings::default()).diagnostics;
    assert_eq!(diagnostics.rejected["trace_id"], taken);
}
