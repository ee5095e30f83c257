//! A client that does as little as a client can: it sends bodies that are ready and reads the answers.
//!
//! One request is under way on each connection, as with the exporters of SDKs. A request that is turned away for now is sent again
//! after a second, as the specification asks; everything else that is not a full success ends the measurement.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, TE};
use hyper::{Method, Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use libdeflater::Decompressor;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Fault;
use super::load::{Load, Parcel, Protocol};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Until a request that was turned away is sent again.
const COME_BACK: Duration = Duration::from_secs(1);

/// Times that one request may be turned away.
const PATIENCE: u32 = 120;

/// An answer has at most the words of a partial success.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// UNAVAILABLE of gRPC.
const UNAVAILABLE: &str = "14";

/// When requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As soon as a connection is free.
    AtOnce,
    /// No earlier than due.
    WhenDue,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent {
    /// Spans of requests that the server answered for in full.
    pub spans: u64,
    /// Requests of these.
    pub requests: u64,
    /// Times that a request was turned away for now.
    pub turned_away: u64,
    /// From the first byte to the last answer.
    pub wall: Duration,
}

/// Sends everything over so many connections.
///
/// # Errors
/// When a connection fails, or a request is not taken in full.
pub async fn send(
    load: &Arc<Load>,
    to: SocketAddr,
    connections: usize,
    pace: Pace,
) -> Result<Sent, Fault> {
    let mut lines = Vec::with_capacity(connections);
    for _ in 0..connections {
        lines.push(Line::open(load.protocol, to).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let began = now();
    let mut workers = JoinSet::new();
    for line in lines {
        let (load, next) = (Arc::clone(load), Arc::clone(&next));
        workers.spawn(work(line, load, next, (pace, began)));
    }
    let mut sent = Sent::default();
    while let Some(worker) = workers.join_next().await {
        let part = worker??;
        sent.spans += part.spans;
        sent.requests += part.requests;
        sent.turned_away += part.turned_away;
    }
    sent.wall = now() - began;
    Ok(sent)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

async fn work(
    mut line: Line,
    load: Arc<Load>,
    next: Arc<AtomicUsize>,
    (pace, began): (Pace, Instant),
) -> Result<Sent, Fault> {
    let mut sent = Sent::default();
    while let Some(parcel) = load.parcels.get(next.fetch_add(1, Ordering::Relaxed)) {
        if pace == Pace::WhenDue {
            let due = began + Duration::from_millis(parcel.due_ms);
            tokio::time::sleep_until(due.into()).await;
        }
        let mut attempts = 0;
        while !line.deliver(load.protocol, parcel).await? {
            attempts += 1;
            if attempts == PATIENCE {
                return Err("a request was turned away too often".into());
            }
            sent.turned_away += 1;
            tokio::time::sleep(COME_BACK).await;
        }
        sent.spans += parcel.spans;
        sent.requests += 1;
    }
    Ok(sent)
}

/// One connection.
enum Line {
    Two(http2::SendRequest<Full<Bytes>>),
    One(http1::SendRequest<Full<Bytes>>),
}

/// An answer in full.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    trailers: HeaderMap,
    body: Bytes,
}

impl Line {
    async fn open(protocol: Protocol, to: SocketAddr) -> Result<Self, Fault> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let stream = TokioIo::new(stream);
        if protocol.is_grpc() {
            let (line, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            return Ok(Self::Two(line));
        }
        let (line, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Self::One(line))
    }

    /// True when the request was taken, false when it was turned away for now.
    async fn deliver(&mut self, protocol: Protocol, parcel: &Parcel) -> Result<bool, Fault> {
        let request = request(protocol, parcel.body.clone())?;
        let response = match self {
            Self::Two(line) => {
                line.ready().await?;
                line.send_request(request).await?
            }
            Self::One(line) => {
                line.ready().await?;
                line.send_request(request).await?
            }
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        let answer = Answer {
            status: head.status,
            headers: head.headers,
            trailers: body.trailers().cloned().unwrap_or_default(),
            body: body.to_bytes(),
        };
        match protocol.is_grpc() {
            true => answer.of_grpc(),
            false => answer.of_http(),
        }
    }
}

fn request(protocol: Protocol, body: Bytes) -> Result<Request<Full<Bytes>>, Fault> {
    let mut request = Request::builder().method(Method::POST);
    if protocol.is_grpc() {
        request = request
            .version(Version::HTTP_2)
            .uri(format!("http://127.0.0.1{EXPORT}"))
            .header(CONTENT_TYPE, "application/grpc")
            .header(TE, "trailers");
        if protocol.is_gzip() {
            request = request.header("grpc-encoding", "gzip");
        }
    } else {
        request = request
            .uri("/v1/traces")
            .header(HOST, "127.0.0.1")
            .header(CONTENT_TYPE, "application/x-protobuf");
        if protocol.is_gzip() {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
    }
    Ok(request.body(Full::new(body))?)
}

impl Answer {
    fn of_grpc(&self) -> Result<bool, Fault> {
        let status = self.trailers.get("grpc-status");
        let status = status.or_else(|| self.headers.get("grpc-status"));
        match status.map(|status| status.to_str().unwrap_or_default()) {
            Some("0") => full(&message_of(&self.body)?),
            Some(UNAVAILABLE) => Ok(false),
            status => Err(format!("HTTP {}, grpc-status {status:?}", self.status).into()),
        }
    }

    fn of_http(&self) -> Result<bool, Fault> {
        match self.status {
            StatusCode::OK => full(&self.body),
            StatusCode::SERVICE_UNAVAILABLE => Ok(false),
            status => Err(format!("HTTP {status}").into()),
        }
    }
}

/// The message of an answer. Some servers compress theirs when the request was.
fn message_of(body: &[u8]) -> Result<Vec<u8>, Fault> {
    let Some((frame, message)) = body.split_first_chunk::<5>() else {
        return Ok(Vec::new());
    };
    if frame[0] == 0 {
        return Ok(message.to_vec());
    }
    let mut out = vec![0; MAX_ANSWER_BYTES];
    let length = Decompressor::new().gzip_decompress(message, &mut out)?;
    out.truncate(length);
    Ok(out)
}

/// Nothing was rejected.
fn full(response: &[u8]) -> Result<bool, Fault> {
    let response = ExportTraceServiceResponse::decode(response)?;
    match response.partial_success {
        Some(partial) if partial.rejected_spans > 0 => {
            Err(format!("{} spans rejected", partial.rejected_spans).into())
        }
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use libdeflater::{CompressionLvl, Compressor};

    use super::*;

    #[test]
    fn compressed_answers_are_read_and_rejected_spans_are_a_fault() {
        assert_eq!(message_of(b"").unwrap(), b"");
        assert_eq!(message_of(b"\0\0\0\0\x02ab").unwrap(), b"ab");
        let mut out = vec![0; 100];
        let mut compressor = Compressor::new(CompressionLvl::default());
        let length = compressor.gzip_compress(b"ab", &mut out).unwrap();
        let body = [b"\x01\0\0\0\x16", &out[..length]].concat();
        assert_eq!(message_of(&body).unwrap(), b"ab");
        assert!(message_of(b"\x01\0\0\0\x02ab").is_err());
        // partial_success { rejected_spans: 3 }
        assert!(full(b"\x0a\x02\x08\x03").is_err());
        assert!(full(b"").unwrap());
    }
}
