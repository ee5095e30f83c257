//! OTLP/HTTP: `POST /v1/traces` in protobuf or JSON, plain, gzip or zstd.
//!
//! Answers come in the content type of the request, errors as `google.rpc.Status`, as the specification asks.

mod answer;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;
use axum::routing::post;

use super::{Accepted, Encoding, Intake, Refusal};
use crate::input::Compression;
use answer::{accepted, refused, unsupported};

pub(crate) fn router(intake: Arc<Intake>) -> Router {
    Router::new()
        .route("/v1/traces", post(export))
        .fallback(answer::not_found)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .with_state(intake)
}

async fn export(State(intake): State<Arc<Intake>>, headers: HeaderMap, body: Body) -> Response {
    let Some(encoding) = encoding_of(&headers) else {
        return unsupported(&intake.refuse(Refusal::Unsupported {
            what: "content type",
            supported: "`application/x-protobuf` or `application/json`",
        }));
    };
    let Some(compression) = compression_of(&headers) else {
        return unsupported(&intake.refuse(Refusal::Unsupported {
            what: "content encoding",
            supported: "`gzip`, `zstd` or none",
        }));
    };
    let outcome = take(&intake, encoding, compression, &headers, body).await;
    outcome.map_or_else(
        |refusal| refused(encoding, &refusal),
        |outcome| accepted(encoding, &outcome),
    )
}

async fn take(
    intake: &Arc<Intake>,
    encoding: Encoding,
    compression: Compression,
    headers: &HeaderMap,
    body: Body,
) -> Result<Accepted, Refusal> {
    let max = intake.limits.max_body_bytes;
    if declared_length(headers).is_some_and(|length| length > max as u64) {
        return Err(intake.refuse(Refusal::TooLarge(max)));
    }
    let _permit = intake.admit().await?;
    let body = to_bytes(body, max);
    let body: Bytes = match tokio::time::timeout(intake.limits.read_timeout, body).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) if is_length_limit(&error) => {
            return Err(intake.refuse(Refusal::TooLarge(max)));
        }
        Ok(Err(_)) => return Err(intake.refuse(Refusal::Cut)),
        Err(_) => return Err(intake.refuse(Refusal::Late)),
    };
    intake.accept(encoding, compression, body).await
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
