//! A collector on free ports, and the smallest clients that can misbehave.

#[path = "harness/raw.rs"]
mod raw;

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::Path;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status};
use tracemesh_collector::ReceiverLimits;
use tracemesh_collector::serve::{
    BoundAddresses, CollectError, CollectOptions, CollectSummary, collect,
};

pub(crate) use raw::{Frames, MAGIC, Raw, framed};

pub(crate) struct Collector {
    pub(crate) addresses: BoundAddresses,
    store: TempDir,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<CollectSummary, CollectError>>,
}

impl Collector {
    pub(crate) async fn start(limits: ReceiverLimits) -> Self {
        Self::start_with(CollectOptions {
            limits,
            ..CollectOptions::default()
        })
        .await
    }

    /// Starts with these options, but on free ports and in an own store.
    pub(crate) async fn start_with(options: CollectOptions) -> Self {
        let store = TempDir::new().unwrap();
        let (ready, addresses) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let options = CollectOptions {
            grpc_address: "127.0.0.1:0".parse().unwrap(),
            http_address: "127.0.0.1:0".parse().unwrap(),
            store: tracemesh_collector::store::Location::from(store.path()),
            ready: Some(ready),
            ..options
        };
        let running = tokio::spawn(collect(options, async move { drop(stopped.await) }));
        Self {
            addresses: addresses.await.unwrap(),
            store,
            stop,
            running,
        }
    }

    pub(crate) fn store(&self) -> &Path {
        self.store.path()
    }

    /// A connection for clients of gRPC.
    pub(crate) async fn channel(&self) -> tonic::transport::Channel {
        let address = format!("http://{}", self.addresses.grpc);
        let endpoint = tonic::transport::Endpoint::from_shared(address).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub(crate) async fn stop(self) -> (CollectSummary, TempDir) {
        self.stop.send(()).unwrap();
        (self.running.await.unwrap().unwrap(), self.store)
    }

    pub(crate) async fn try_stop(self) -> Result<CollectSummary, CollectError> {
        self.stop.send(()).unwrap();
        self.running.await.unwrap()
    }
}

/// A request of `good` spans, then `bad` ones without a trace id.
pub(crate) fn sample(good: u64, bad: u64) -> ExportTraceServiceRequest {
    let span = |number: u64, is_good: bool| OtlpSpan {
        trace_id: if is_good { vec![7; 16] } else { Vec::new() },
        span_id: (number + 1).to_be_bytes().to_vec(),
        kind: 3,
        name: "GET".to_owned(),
        ..OtlpSpan::default()
    };
    let spans = (0..good).map(|n| span(n, true));
    let spans = spans.chain((0..bad).map(|n| span(n, false)));
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: spans.collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

/// One call from `web` to `cart`, with its two sides in two resources.
pub(crate) fn call(number: u8) -> ExportTraceServiceRequest {
    let span = |id: u8, parent: u8, kind: i32| OtlpSpan {
        trace_id: vec![number; 16],
        span_id: vec![id; 8],
        parent_span_id: if parent == 0 {
            Vec::new()
        } else {
            vec![parent; 8]
        },
        kind,
        name: "GET".to_owned(),
        start_time_unix_nano: 1_700_000_000_000_000_000 + u64::from(id) * 1_000_000,
        end_time_unix_nano: 1_700_000_000_009_123_457 - u64::from(id) * 1_000_000,
        ..OtlpSpan::default()
    };
    let of = |service: &str, spans: Vec<OtlpSpan>| ResourceSpans {
        resource: Some(Resource {
            attributes: vec![KeyValue {
                key: "service.name".to_owned(),
                value: Some(AnyValue {
                    value: Some(any_value::Value::StringValue(service.to_owned())),
                }),
                ..KeyValue::default()
            }],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![
            of("cart", vec![span(3, 2, 2)]),
            of("web", vec![span(1, 0, 2), span(2, 1, 3)]),
        ],
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An HTTP response with its head in lower case.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines();
        let mut headers = lines.filter_map(|line| line.split_once(": "));
        headers
            .find(|header| header.0 == name)
            .unwrap_or_default()
            .1
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Posts a body to the traces path.
pub(crate) async fn http(address: SocketAddr, kind: &str, encoding: &str, body: &[u8]) -> Answer {
    let mut request = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: {kind}\r\n\
         content-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend(body);
    send(address, &request).await
}

/// Asks for a page; `headers` are whole lines.
pub(crate) async fn get(address: SocketAddr, page: &str, headers: &str) -> Answer {
    let request = format!("GET {page} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
    send(address, request.as_bytes()).await
}

/// The value of a line of the metrics, which must be there.
pub(crate) async fn metric(admin: SocketAddr, name: &str) -> f64 {
    let answer = get(admin, "/metrics", "").await;
    let lines = answer.text().lines();
    let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = values.next();
    value
        .unwrap_or_else(|| panic!("no {name} in\n{}", answer.text()))
        .parse()
        .unwrap()
}

/// Sends bytes and reads to the end.
pub(crate) async fn send(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut response = Vec::new();
    // A server that refuses a body early may reset the connection after its answer.
    let _end = stream.read_to_end(&mut response).await;
    let split = response
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(response[..split].to_vec()).unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: response[split + 4..].to_vec(),
    }
}

/// Calls `Export` with bytes that need not be a request.
pub(crate) async fn raw_grpc(address: SocketAddr, body: Vec<u8>) -> Result<Vec<u8>, Status> {
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let path = PathAndQuery::from_static(path);
    let response = client.unary(Request::new(body), path, Bytes).await?;
    Ok(response.into_inner())
}

#[derive(Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        prost::bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        use prost::bytes::Buf;
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

/// Takes a store away under a running collector.
///
/// A flush may put a file into a directory that was just emptied; taking away goes on until nothing is there.
pub(crate) fn remove_store(store: &Path) {
    loop {
        match std::fs::remove_dir_all(store) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            outcome => return outcome.unwrap(),
        }
    }
}

/// Puts a file where the store of a running collector was, so that no flush succeeds.
pub(crate) fn obstruct_store(store: &Path) {
    loop {
        remove_store(store);
        match std::fs::write(store, "in the way") {
            Err(error) if error.kind() == ErrorKind::IsADirectory => {}
            outcome => return outcome.unwrap(),
        }
    }
}
