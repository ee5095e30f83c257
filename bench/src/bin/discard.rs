//! What a server costs before it does anything: OTLP servers that throw away what they receive.
//!
//! ```text
//! discard raw|prost GRPC_ADDRESS HTTP_ADDRESS
//! ```
//! `raw` is the floor of the transport: tonic with a codec that looks at no byte, and axum that drops the body. `prost` is the way
//! that tonic offers: its generated service and default codec, decoded in full, with a handler that does nothing; over gRPC only.
//! Both have the large windows of HTTP/2 without which senders wait, and the allocator of tracemesh. Runs until it is killed by a signal
//! other than SIGTERM, on which it ends well.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::bytes::Buf;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tracemesh_bench::wire::Fault;

const STREAM_WINDOW_BYTES: u32 = 8 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;
const FRAME_BYTES: u32 = 1 << 20;
const MAX_MESSAGE_BYTES: usize = 64 << 20;

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (is_raw, grpc, http) = match words.as_slice() {
        ["raw", grpc, http] => (true, grpc, http),
        ["prost", grpc, http] => (false, grpc, http),
        _ => return Err("discard raw|prost GRPC_ADDRESS HTTP_ADDRESS".into()),
    };
    let addresses: (SocketAddr, SocketAddr) = (grpc.parse()?, http.parse()?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(is_raw, addresses))
}

async fn serve(is_raw: bool, (grpc, http): (SocketAddr, SocketAddr)) -> Result<(), Fault> {
    let mut terminated = signal(SignalKind::terminate())?;
    let http = TcpListener::bind(http).await?;
    let grpc = TcpIncoming::bind(grpc)?.with_nodelay(Some(true));
    let mut server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES);
    let router = if is_raw {
        server.add_service(Discard)
    } else {
        let service = TraceServiceServer::new(Nothing)
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_MESSAGE_BYTES);
        server.add_service(service)
    };
    let drop_body = |_body: Bytes| async { Bytes::new() };
    let pages = Router::new()
        .route("/v1/traces", post(drop_body))
        .layer(DefaultBodyLimit::disable());
    tokio::select! {
        ended = router.serve_with_incoming(grpc) => ended?,
        ended = axum::serve(http, pages).into_future() => ended?,
        _ = terminated.recv() => {}
    }
    Ok(())
}

/// The service of the generated code, with a handler that does nothing.
struct Nothing;

#[tonic::async_trait]
impl TraceService for Nothing {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        drop(request);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// The same service, whose messages nobody looks at.
#[derive(Clone, Copy)]
struct Discard;

impl NamedService for Discard {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl Service<http::Request<Body>> for Discard {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answer {
        Box::pin(async {
            let mut grpc = Grpc::new(RawCodec)
                .accept_compressed(CompressionEncoding::Gzip)
                .max_decoding_message_size(MAX_MESSAGE_BYTES);
            Ok(grpc.unary(Self, request).await)
        })
    }
}

impl UnaryService<()> for Discard {
    type Response = ();
    type Future = std::future::Ready<Result<Response<()>, Status>>;

    fn call(&mut self, _request: Request<()>) -> Self::Future {
        ready(Ok(Response::new(())))
    }
}

/// Takes messages as they are, throws them away, and answers with empty ones.
#[derive(Clone, Copy)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = ();
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, _item: (), _out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        bytes.advance(bytes.remaining());
        Ok(Some(()))
    }
}
