//! What peers can do wrong, on purpose or not: for each the answer they get, and the counter that tells of it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tonic::Code;
use tracemesh_collector::ReceiverLimits;

use crate::harness::{Collector, Frames, MAGIC, Raw, framed, http, sample, send, zlib};
use prost::Message as _;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// The server has a second to notice; a machine under load gets longer.
const LONG: Duration = Duration::from_secs(30);

/// Reads until the other side ends the connection.
async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    // A reset is an end as well.
    let _end = tokio::time::timeout(LONG, stream.read_to_end(&mut read))
        .await
        .expect("the connection is ended");
    read
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

async fn is_alive(collector: &Collector) {
    let answer = http(collector.addresses.http, JSON, "identity", b"{}").await;
    assert_eq!(answer.status, 200);
    let body = framed(0, &sample(1, 0).encode_to_vec());
    let answer = Raw::connect(collector.addresses.grpc)
        .await
        .export(&[], body)
        .await;
    assert_eq!(answer.code, Code::Ok, "{answer:?}");
}

#[tokio::test]
async fn connections_cut_in_the_middle_of_a_request_are_counted_and_cost_nobody_else() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let mut stream = connect(collector.addresses.http).await;
    stream
        .write_all(b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{")
        .await
        .unwrap();
    drop(stream);
    let mut frames = Frames::connect(collector.addresses.grpc).await;
    frames.begin_export(1).await;
    frames.data(1, &framed(0, &[0; 100])[..50]).await;
    frames.read_settings().await;
    drop(frames);
    is_alive(&collector).await;
    let (summary, _store) = collector.stop().await;
    assert_eq!(summary.totals.refused_by["cut"], 2, "{summary:?}");
    assert_eq!((summary.totals.requests, summary.totals.refused), (2, 2));
}

#[tokio::test]
async fn peers_that_say_nothing_or_stop_in_the_middle_are_given_up() {
    let limits = ReceiverLimits {
        handshake_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(800),
        ..ReceiverLimits::default()
    };
    let collector = Collector::start(limits).await;
    let (grpc, address) = (collector.addresses.grpc, collector.addresses.http);
    let mut silent = [connect(grpc).await, connect(address).await];
    for stream in &mut silent {
        assert_eq!(read_to_end(stream).await, b"");
    }
    // Half a head, half a preface of HTTP/2, and HTTP/2 that answers no ping.
    let mut halves = [
        connect(address).await,
        connect(grpc).await,
        connect(grpc).await,
    ];
    halves[0].write_all(b"POST /v1/tr").await.unwrap();
    halves[1].write_all(&MAGIC[..10]).await.unwrap();
    halves[2].write_all(MAGIC).await.unwrap();
    halves[2]
        .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    for stream in &mut halves {
        read_to_end(stream).await;
    }
    is_alive(&collector).await;
    let connections = collector.stop().await.0.connections;
    assert_eq!(
        (connections.opened, connections.stalled),
        (7, 5),
        "{connections:?}"
    );
}

/// Answers that nobody reads fill the buffers of the system, and then the connection stands still.
#[tokio::test]
async fn a_peer_that_never_reads_its_answers_is_given_up() {
    let limits = ReceiverLimits {
        idle_timeout: Duration::from_millis(500),
        ..ReceiverLimits::default()
    };
    let collector = Collector::start(limits).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(collector.addresses.http).await.unwrap();
    let requests = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(1_000);
    let flood = async { while stream.write_all(&requests).await.is_ok() {} };
    tokio::time::timeout(LONG, flood)
        .await
        .expect("the connection is ended");
    is_alive(&collector).await;
    let connections = collector.stop().await.0.connections;
    assert_eq!(connections.stalled, 1, "{connections:?}");
}

#[tokio::test]
async fn garbage_on_both_ports_is_answered_as_http_or_not_at_all() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let mut malformed = 0;
    for address in [collector.addresses.grpc, collector.addresses.http] {
        for garbage in [&b"\0\xff\xfe garbage \r\n\r\n"[..], hello, b"GET\r\n\r\n"] {
            let mut stream = connect(address).await;
            stream.write_all(garbage).await.unwrap();
            let answer = read_to_end(&mut stream).await;
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with("HTTP/1.1 400 "), "{garbage:?} {answer}");
            malformed += 1;
        }
        // HTTP/2 at first, then a frame that is none.
        let mut stream = connect(address).await;
        stream.write_all(MAGIC).await.unwrap();
        stream.write_all(&[0xff; 100]).await.unwrap();
        read_to_end(&mut stream).await;
        malformed += 1;
    }
    is_alive(&collector).await;
    let (summary, _store) = collector.stop().await;
    assert_eq!(summary.connections.malformed, malformed, "{summary:?}");
    assert_eq!(summary.totals.requests, 2);
}

#[tokio::test]
async fn the_right_protocol_on_the_wrong_port_is_told_so() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let answer = http(collector.addresses.grpc, PROTOBUF, "identity", b"").await;
    assert_eq!(answer.status, 505);
    assert!(
        answer.text().contains("OTLP/HTTP to the other one"),
        "{}",
        answer.text()
    );
    let mut client = Raw::connect(collector.addresses.http).await;
    let answer = client.export(&[], framed(0, b"")).await;
    assert_eq!((answer.http, answer.code), (404, Code::Unimplemented));
    let (summary, _store) = collector.stop().await;
    assert_eq!(summary.totals.refused_by["unsupported"], 1);
}

#[tokio::test]
async fn grpc_takes_zlib_and_messages_that_are_not_compressed_although_the_call_says_so() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let mut client = Raw::connect(collector.addresses.grpc).await;
    let body = sample(2, 1).encode_to_vec();
    let ok = client
        .export(&[("grpc-encoding", "deflate")], framed(1, &zlib(&body)))
        .await;
    assert_eq!(ok.code, Code::Ok, "{ok:?}");
    let plain = client
        .export(&[("grpc-encoding", "gzip")], framed(0, &body))
        .await;
    assert_eq!(
        plain.code,
        Code::Ok,
        "a message need not be compressed: {plain:?}"
    );
    assert_eq!(collector.stop().await.0.totals.spans, 4);
}

#[tokio::test]
async fn grpc_answers_every_odd_call_with_the_status_that_ends_it() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let mut client = Raw::connect(collector.addresses.grpc).await;
    let body = sample(2, 1).encode_to_vec();
    for (headers, body, code, message) in [
        (&[][..], Vec::new(), Code::InvalidArgument, "no message"),
        (
            &[],
            framed(7, &body),
            Code::InvalidArgument,
            "neither 0 nor 1",
        ),
        (
            &[],
            framed(1, &body),
            Code::InvalidArgument,
            "does not say how",
        ),
        (
            &[],
            framed(0, &body)[..20].to_vec(),
            Code::InvalidArgument,
            "announced length",
        ),
        (
            &[],
            [framed(0, &body), framed(0, &body)].concat(),
            Code::InvalidArgument,
            "more than one",
        ),
        (
            &[("grpc-encoding", "gzip")],
            framed(1, &body),
            Code::InvalidArgument,
            "damaged",
        ),
        (
            &[("grpc-encoding", "snappy")],
            framed(1, &body),
            Code::Unimplemented,
            "`gzip`",
        ),
        (
            &[],
            b"\0\x40\0\0\0".to_vec(),
            Code::ResourceExhausted,
            "16777216 bytes as sent",
        ),
    ] {
        let answer = client.export(headers, body).await;
        assert_eq!(answer.code, code, "{message} {answer:?}");
        assert!(answer.message.contains(message), "{answer:?}");
        assert!(!answer.has_details, "nothing to come back for: {answer:?}");
        let codings = answer.accept_encoding.as_deref();
        let expected = (code == Code::Unimplemented).then_some("gzip, deflate, zstd");
        assert_eq!(codings, expected);
    }
    let other = client
        .call(
            "/opentelemetry.proto.collector.trace.v1.TraceService/No",
            framed(0, b""),
        )
        .await;
    assert_eq!((other.http, other.code), (200, Code::Unimplemented));
    let (summary, _store) = collector.stop().await;
    let refused: Vec<_> = summary.totals.refused_by.into_iter().collect();
    let expected = [
        ("corrupt_compression", 1),
        ("framing", 5),
        ("too_large", 1),
        ("unsupported", 1),
    ];
    assert_eq!(refused, expected);
}

#[tokio::test]
async fn a_declared_gigabyte_is_refused_before_it_comes() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let answer = send(
        collector.addresses.http,
        b"POST /v1/traces HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1073741824\r\n\r\nxx",
    )
    .await;
    assert_eq!(answer.status, 413);
    // In a stream that stays open: only the header of the message has come.
    let mut frames = Frames::connect(collector.addresses.grpc).await;
    frames.begin_export(1).await;
    frames.data(1, b"\0\x40\0\0\0").await;
    frames.read_headers_of(1).await;
    is_alive(&collector).await;
    let (summary, _store) = collector.stop().await;
    assert_eq!(summary.totals.refused_by["too_large"], 2);
}

#[tokio::test]
async fn deep_nesting_is_an_answer_and_not_an_overflow() {
    const DEPTH: usize = 200_000;
    let collector = Collector::start(ReceiverLimits::default()).await;
    let address = collector.addresses.http;
    for body in [
        format!("{{\"resourceSpans\":{}", "[".repeat(DEPTH)),
        format!("{{\"unknown\":{}", "{\"a\":".repeat(DEPTH)),
        "[".repeat(DEPTH),
    ] {
        let answer = http(address, JSON, "identity", body.as_bytes()).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    // Lists in lists, as the value of an attribute that no rule reads.
    let mut value = vec![0x0a, 1, b'x'];
    for _ in 0..1_000 {
        value = nested(5, &nested(1, &value));
    }
    let attribute = [&nested(1, b"k")[..], &nested(2, &value)].concat();
    let mut request = sample(1, 0);
    request.resource_spans[0].scope_spans[0].spans[0].name = "deep".to_owned();
    let mut span = request.resource_spans[0].scope_spans[0].spans[0].encode_to_vec();
    span.extend(nested(9, &attribute));
    let body = nested(1, &nested(2, &nested(2, &span)));
    let answer = http(address, PROTOBUF, "identity", &body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let (summary, _store) = collector.stop().await;
    assert_eq!(
        (
            summary.totals.spans,
            summary.totals.refused_by["undecodable"]
        ),
        (1, 3)
    );
}

/// A field that holds these bytes.
fn nested(field: u8, bytes: &[u8]) -> Vec<u8> {
    let mut whole = vec![field << 3 | 2];
    prost::encoding::encode_varint(bytes.len() as u64, &mut whole);
    whole.extend(bytes);
    whole
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_at_once() {
    let limits = ReceiverLimits {
        max_connections: 2,
        ..ReceiverLimits::default()
    };
    let collector = Collector::start(limits).await;
    let address = collector.addresses.http;
    let one = connect(address).await;
    let mut other = connect(collector.addresses.grpc).await;
    other.write_all(MAGIC).await.unwrap();
    assert!(other.read_u8().await.is_ok(), "it is served");
    // The listener takes them in the order in which they came.
    let mut third = connect(address).await;
    assert_eq!(read_to_end(&mut third).await, b"");
    drop((one, other));
    let served = async {
        loop {
            let mut stream = connect(address).await;
            let _sent = stream
                .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                .await;
            if !read_to_end(&mut stream).await.is_empty() {
                break;
            }
        }
    };
    tokio::time::timeout(LONG, served)
        .await
        .expect("a place gets free");
    let connections = collector.stop().await.0.connections;
    assert!(connections.over_limit >= 1, "{connections:?}");
}

#[tokio::test]
async fn bytes_in_flight_are_bounded_over_all_connections_and_freed_when_they_end() {
    const PART: usize = 90_000;
    let limits = ReceiverLimits {
        max_body_bytes: 100_000,
        max_decompressed_bytes: 100_000,
        max_in_flight_bytes: 1,
        ..ReceiverLimits::default()
    };
    let collector = Collector::start(limits).await;
    let address = collector.addresses.http;
    // The least bound has room for less than six of these.
    let mut held = Vec::new();
    for _ in 0..6 {
        let mut stream = connect(address).await;
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: {JSON}\r\ncontent-length: {}\r\n\r\n",
            PART + 1
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&[b' '; PART]).await.unwrap();
        held.push(stream);
    }
    // Whoever finds no room is refused at once: that one, or one of the six.
    let mut answers = Vec::new();
    for mut stream in held {
        let mut answer = [0; 12];
        let waited =
            tokio::time::timeout(Duration::from_millis(200), stream.read_exact(&mut answer));
        match waited.await {
            Ok(Ok(_)) => answers.push(answer),
            // Not refused; its last byte completes it later, unless the room is gone.
            _ => {
                stream.write_all(b"x").await.unwrap();
                stream.read_exact(&mut answer).await.unwrap();
                answers.push(answer);
            }
        }
    }
    assert!(answers.contains(b"HTTP/1.1 503"), "{answers:?}");
    is_alive(&collector).await;
    let (summary, _store) = collector.stop().await;
    assert!(summary.totals.refused_by["busy"] >= 1, "{summary:?}");
}

#[tokio::test]
async fn heads_are_bounded_under_both_versions_of_http() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let address = collector.addresses.http;
    let many = "x-y: z\r\n".repeat(101);
    let long = format!("x-y: {}\r\n", "z".repeat(200_000));
    for headers in [many, long] {
        let request = format!("POST /v1/traces HTTP/1.1\r\nhost: a\r\n{headers}\r\n");
        let answer = send(address, request.as_bytes()).await;
        assert_eq!(answer.status, 431);
    }
    let long = "z".repeat(20_000);
    let mut client = Raw::connect(collector.addresses.grpc).await;
    let answer = client.try_export(&[("x-y", &long)], framed(0, b"")).await;
    assert!(answer.is_none_or(|answer| answer.http == 431 || answer.code != Code::Ok));
    is_alive(&collector).await;
    assert_eq!(collector.stop().await.0.totals.requests, 2);
}
