//! OTLP/HTTP: `POST /v1/traces` in protobuf or JSON, plain, gzip, deflate or zstd.
//!
//! Answers come in the content type of the request, errors as `google.rpc.Status`, as the specification asks.

mod answer;
mod leftover;
mod origin;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, Version};
use axum::response::Response;
use axum::routing::post;

use super::body::{self, Arrived};
use super::inflate::Coding;
use super::refusal::Refusal;
use super::{Accepted, Encoding, Intake};
use answer::accepted;
pub(super) use answer::refused;
pub(super) use leftover::after_rest;
pub(crate) use origin::open_to;
pub use origin::{Origin, OriginFault};

pub(crate) fn router(intake: Arc<Intake>) -> Router {
    Router::new()
        .route("/v1/traces", post(export))
        .fallback(answer::not_found)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .with_state(intake)
}

async fn export(
    State(intake): State<Arc<Intake>>,
    version: Version,
    headers: HeaderMap,
    mut body: Body,
) -> Response {
    let encoding = encoding_of(&headers);
    let wanted = encoding.ok_or(Refusal::Unsupported {
        what: "content type",
        supported: "`application/x-protobuf` or `application/json`",
    });
    match take(&intake, wanted, &headers, &mut body).await {
        Ok((encoding, outcome)) => accepted(encoding, &outcome),
        Err(refusal) => {
            let answer = refused(encoding, &intake.refuse(refusal));
            after_rest(version, body, intake.limits.max_body_bytes, answer).await
        }
    }
}

/// Reads, decodes and submits one request. The caller counts a refusal.
pub(super) async fn take(
    intake: &Arc<Intake>,
    encoding: Result<Encoding, Refusal>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<(Encoding, Accepted), Refusal> {
    let share = intake.admit(headers)?;
    let encoding = encoding?;
    let coding = coding_of(headers).ok_or(Refusal::Unsupported {
        what: "content encoding",
        supported: "`gzip`, `deflate`, `zstd` or none",
    })?;
    let max = intake.limits.max_body_bytes;
    if declared_length(headers).is_some_and(|length| length > max as u64) {
        return Err(Refusal::TooLarge(max));
    }
    let judge = |arrived: &Arrived| {
        if arrived.length() > max {
            return Err(Refusal::TooLarge(max));
        }
        Ok(())
    };
    let body = intake.in_time(body::read(body, share, judge)).await?;
    let accepted = intake.accept(encoding, coding, body).await?;
    Ok((encoding, accepted))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    text_of(headers, &CONTENT_LENGTH)?.parse().ok()
}

fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    match media_type(headers)?.as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Encoding::Protobuf),
        "application/json" => Some(Encoding::Json),
        _ => None,
    }
}

/// The content type without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = text_of(headers, &CONTENT_TYPE)?;
    let media_type = value.split(';').next().unwrap_or_default().trim();
    Some(media_type.to_ascii_lowercase())
}

/// `None` for codings that are not spoken here, and for several on top of each other.
fn coding_of(headers: &HeaderMap) -> Option<Coding> {
    let mut named = headers.get_all(CONTENT_ENCODING).iter();
    let Some(name) = named.next() else {
        return Some(Coding::Identity);
    };
    if named.next().is_some() {
        return None;
    }
    Coding::named(name.to_str().ok()?)
}

fn text_of<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
