//! OTLP/gRPC: the `TraceService` of the specification over raw message bytes.
//!
//! The framing of a unary call is read here and not by tonic, for three reasons: decoding is ours (one bad span must not fail
//! a request), so is decompression (one way for both protocols, with its output bounded before it is allocated), and the bytes
//! in flight are counted as they arrive. Health and reflection come from tonic and are merged by the caller.

mod frame;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use tonic::Status;

use super::inflate::Coding;
use super::refusal::Refusal;
use super::{Accepted, Encoding, Intake};

/// Name of the service, for health and reflection.
pub(crate) const SERVICE: &str = "opentelemetry.proto.collector.trace.v1.TraceService";

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The gRPC services on one port: `TraceService` and `others`.
pub(crate) fn router(intake: Arc<Intake>, others: Router) -> Router {
    Router::new()
        .route(EXPORT, any(export))
        .with_state(Arc::clone(&intake))
        .merge(others)
        .fallback(unknown_method)
        .layer(axum::middleware::from_fn_with_state(intake, only_grpc))
}

/// Turns away what is not gRPC, in words that a person with `curl` understands.
async fn only_grpc(State(intake): State<Arc<Intake>>, request: Request, next: Next) -> Response {
    const SUPPORTED: &str = "gRPC over HTTP/2 to this port, or OTLP/HTTP to the other one";
    let unsupported = |what| {
        let supported = SUPPORTED;
        let refusal = intake.refuse(Refusal::Unsupported { what, supported });
        format!("{refusal}\n")
    };
    if request.version() < Version::HTTP_2 {
        let text = unsupported("version of HTTP");
        return (StatusCode::HTTP_VERSION_NOT_SUPPORTED, text).into_response();
    }
    if request.method() != Method::POST {
        let text = unsupported("method");
        let allow = [(ALLOW, HeaderValue::from_static("POST"))];
        return (StatusCode::METHOD_NOT_ALLOWED, allow, text).into_response();
    }
    if !is_grpc(request.headers()) {
        let text = unsupported("content type");
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response();
    }
    next.run(request).await
}

/// `application/grpc`, alone or with the name of a message format.
fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) else {
        return false;
    };
    let rest = value.strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

async fn unknown_method() -> Response {
    Status::unimplemented(
        "this port has the services opentelemetry.proto.collector.trace.v1.TraceService and grpc.health.v1.Health",
    )
    .into_http()
}

async fn export(State(intake): State<Arc<Intake>>, request: Request) -> Response {
    match take(&intake, request).await {
        Ok(accepted) => status::ok(&response_to(&accepted)),
        Err(refusal) => status::refused(&intake.refuse(refusal)),
    }
}

async fn take(intake: &Arc<Intake>, request: Request) -> Result<Accepted, Refusal> {
    let (head, body) = request.into_parts();
    let share = intake.admit(&head.headers)?;
    let coding = coding_of(&head.headers)?;
    let message = intake.in_time(read(intake, body, share)).await?;
    let coding = if message.is_compressed {
        coding.ok_or(Refusal::Framing(
            "it is compressed, and `grpc-encoding` does not say how",
        ))?
    } else {
        Coding::Identity
    };
    intake
        .accept(Encoding::Protobuf, coding, message.body)
        .await
}

async fn read(
    intake: &Intake,
    body: Body,
    share: super::budget::Share,
) -> Result<frame::Message, Refusal> {
    frame::read(body, intake.limits.max_body_bytes, share).await
}

/// How messages with the flag are compressed; `None` when that is not said.
fn coding_of(headers: &HeaderMap) -> Result<Option<Coding>, Refusal> {
    let Some(name) = headers.get("grpc-encoding") else {
        return Ok(None);
    };
    let coding = name.to_str().ok().and_then(Coding::named);
    let coding = coding.ok_or(Refusal::Unsupported {
        what: "grpc-encoding",
        supported: "`gzip`, `deflate`, `zstd` or none",
    })?;
    Ok((coding != Coding::Identity).then_some(coding))
}

/// The answer to an accepted request: a partial success when spans were rejected.
pub(super) fn response_to(accepted: &Accepted) -> ExportTraceServiceResponse {
    let partial_success = (!accepted.rejected.is_empty()).then(|| ExportTracePartialSuccess {
        rejected_spans: accepted.rejected_spans(),
        error_message: accepted.message(),
    });
    ExportTraceServiceResponse { partial_success }
}
