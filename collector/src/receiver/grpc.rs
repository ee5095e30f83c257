//! OTLP/gRPC: the `TraceService` of the specification over raw message bytes.
//!
//! The generated service would decode with prost, where one bad span fails the request; a codec that passes bytes
//! through leaves decoding to us and everything else (framing, compression, size limits, status) to tonic.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use prost::bytes::Buf;
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Code, Request, Response, Status};

use super::{Accepted, Encoding, Intake, Refusal};
use crate::input::Compression;
use crate::input::compression::BodyFault;

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// What stands before a message on the wire: a flag and a length.
const FRAME_HEADER_BYTES: usize = 5;

/// The gRPC service.
#[derive(Clone)]
pub(crate) struct TraceService {
    intake: Arc<Intake>,
}

impl TraceService {
    pub(crate) const fn new(intake: Arc<Intake>) -> Self {
        Self { intake }
    }
}

impl NamedService for TraceService {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl Service<http::Request<Body>> for TraceService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let intake = Arc::clone(&self.intake);
        Box::pin(async move { Ok(export(intake, request).await) })
    }
}

async fn export(intake: Arc<Intake>, request: http::Request<Body>) -> http::Response<Body> {
    if request.uri().path() != EXPORT {
        return Status::unimplemented("this service has one method, `Export`").into_http();
    }
    // Held until the answer is made, since the body is read in between.
    let _permit = match intake.admit().await {
        Ok(permit) => permit,
        Err(refusal) => return status_of(&refusal).into_http(),
    };
    let mut grpc = Grpc::new(RawCodec)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(intake.limits.max_decompressed_bytes);
    let request = request.map(|body| limited(body, intake.limits.max_body_bytes));
    let method = Export {
        intake: Arc::clone(&intake),
    };
    let answer = grpc.unary(method, request);
    match tokio::time::timeout(intake.limits.read_timeout, answer).await {
        Ok(response) => judged_by_transport(&intake, response),
        Err(_) => status_of(&intake.refuse(Refusal::Late)).into_http(),
    }
}

/// Breaks off messages that are too long as sent. tonic has one limit for both lengths of a message, and that is the
/// one after decompression.
fn limited(body: Body, max: usize) -> Body {
    let body = Limited::new(body, max.saturating_add(FRAME_HEADER_BYTES));
    Body::new(body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Status::out_of_range("too long as sent")
        } else {
            Status::from_error(error)
        }
    }))
}

/// Counts what the transport refused before the message reached us, and corrects the code for long messages:
/// OUT_OF_RANGE is one that the OTLP specification lets senders retry for ever.
fn judged_by_transport(intake: &Intake, response: http::Response<Body>) -> http::Response<Body> {
    let limits = &intake.limits;
    let refusal = match Status::from_header_map(response.headers()).map(|status| status.code()) {
        // Ours, and counted where they were made.
        None | Some(Code::Ok | Code::InvalidArgument | Code::Unavailable) => return response,
        // From `limited`, or from tonic for a frame that announces more than may come out of it.
        Some(Code::OutOfRange) => {
            Refusal::TooLarge(limits.max_body_bytes.min(limits.max_decompressed_bytes))
        }
        // From tonic while it decompresses.
        Some(Code::ResourceExhausted) => {
            Refusal::Compression(BodyFault::TooLarge(limits.max_decompressed_bytes))
        }
        Some(_) => {
            drop(intake.refuse(Refusal::Cut));
            return response;
        }
    };
    Status::resource_exhausted(intake.refuse(refusal).to_string()).into_http()
}

struct Export {
    intake: Arc<Intake>,
}

impl UnaryService<Bytes> for Export {
    type Response = ExportTraceServiceResponse;
    type Future = BoxFuture<Response<ExportTraceServiceResponse>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let intake = Arc::clone(&self.intake);
        Box::pin(async move {
            let body = request.into_inner();
            let accepted = intake.accept(Encoding::Protobuf, Compression::None, body);
            match accepted.await {
                Ok(accepted) => Ok(Response::new(response_to(&accepted))),
                Err(refusal) => Err(status_of(&refusal)),
            }
        })
    }
}

/// The answer to an accepted request: a partial success when spans were rejected.
pub(super) fn response_to(accepted: &Accepted) -> ExportTraceServiceResponse {
    let partial_success = (!accepted.rejected.is_empty()).then(|| ExportTracePartialSuccess {
        rejected_spans: accepted.rejected_spans(),
        error_message: accepted.message(),
    });
    ExportTraceServiceResponse { partial_success }
}

/// The OTLP specification retries on UNAVAILABLE, and gives up on INVALID_ARGUMENT.
fn status_of(refusal: &Refusal) -> Status {
    let message = refusal.to_string();
    if refusal.is_retryable() {
        Status::unavailable(message)
    } else {
        Status::invalid_argument(message)
    }
}

/// Hands the message over as it came, and encodes the answer with prost.
#[derive(Clone, Copy)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = ExportTraceServiceResponse;
    type Decode = Bytes;
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
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn encode(&mut self, item: Self::Item, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
