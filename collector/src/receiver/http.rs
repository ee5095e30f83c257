//! OTLP/HTTP: `POST /v1/traces` in protobuf or JSON, plain, gzip or zstd.
//!
//! Answers come in the content type of the request, errors as `google.rpc.Status`, as the specification asks.

mod answer;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;
use axum::routing::post;

use super::{Encoding, Intake, Refusal};
use crate::input::Compression;
use answer::{accepted, failure, refused, unsupported};

pub(crate) fn router(intake: Arc<Intake>) -> Router {
    Router::new()
        .route("/v1/traces", post(export))
        .fallback(answer::not_found)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .with_state(intake)
}

async fn export(State(intake): State<Arc<Intake>>, headers: HeaderMap, body: Body) -> Response {
    let Some(encoding) = encoding_of(&headers) else {
        return unsupported(
            "content type",
            "`application/x-protobuf` or `application/json`",
        );
    };
    let Some(compression) = compression_of(&headers) else {
        return unsupported("content encoding", "`gzip`, `zstd` or none");
    };
    match take(&intake, encoding, compression, &headers, body).await {
        Ok(response) | Err(response) => response,
    }
}

async fn take(
    intake: &Arc<Intake>,
    encoding: Encoding,
    compression: Compression,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let refused = |refusal: Refusal| refused(encoding, &refusal);
    let max = intake.limits.max_body_bytes;
    let too_large = || {
        let message = format!("the body has more than {max} bytes");
        failure(encoding, StatusCode::PAYLOAD_TOO_LARGE, &message)
    };
    if declared_length(headers).is_some_and(|length| length > max as u64) {
        return Err(too_large());
    }
    let _permit = intake.admit().await.map_err(refused)?;
    let body: Bytes =
        match tokio::time::timeout(intake.limits.read_timeout, to_bytes(body, max)).await {
            Ok(Ok(body)) => body,
            Ok(Err(error)) if is_length_limit(&error) => return Err(too_large()),
            Ok(Err(_)) => {
                let message = "the body ended before its end";
                return Err(failure(encoding, StatusCode::BAD_REQUEST, message));
            }
            Err(_) => {
                let message = "the body did not arrive in time";
                return Err(failure(encoding, StatusCode::REQUEST_TIMEOUT, message));
            }
        };
    let outcome = intake.accept(encoding, compression, body).await;
    outcome
        .map(|outcome| accepted(encoding, &outcome))
        .map_err(refused)
}

fn is_length_limit(error: &axum::Error) -> bool {
    std::iter::successors(std::error::Error::source(error), |inner| inner.source())
        .any(|inner| inner.is::<http_body_util::LengthLimitError>())
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    text_of(headers, &CONTENT_LENGTH)?.parse().ok()
}

fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    let value = text_of(headers, &CONTENT_TYPE)?;
    let media_type = value.split(';').next().unwrap_or_default().trim();
    match media_type.to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Encoding::Protobuf),
        "application/json" => Some(Encoding::Json),
        _ => None,
    }
}

fn compression_of(headers: &HeaderMap) -> Option<Compression> {
    if !headers.contains_key(CONTENT_ENCODING) {
        return Some(Compression::None);
    }
    match text_of(headers, &CONTENT_ENCODING)?
        .trim()
        .to_ascii_lowercase()
        .as_str()
    {
        "" | "identity" => Some(Compression::None),
        "gzip" | "x-gzip" => Some(Compression::Gzip),
        "zstd" => Some(Compression::Zstd),
        _ => None,
    }
}

fn text_of<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
