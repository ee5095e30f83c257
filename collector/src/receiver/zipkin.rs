//! Zipkin over HTTP: `POST /api/v2/spans` with a list of version 2 spans in JSON, plain, gzip, deflate or zstd.
//!
//! Takes the same way in as OTLP/HTTP, with the same limits, tokens and refusals. An accepted request is answered as Zipkin
//! answers: 202 with an empty body. Zipkin has no word for a partial success, so rejected spans are only counted. Does not
//! speak version 1, Thrift or protobuf.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use super::http::{after_rest, media_type, refused, take};
use super::refusal::Refusal;
use super::{Encoding, Intake};

const PLACE: &str = "spans of Zipkin's version 2 go to `POST /api/v2/spans`, as JSON\n";

pub(crate) fn router(intake: Arc<Intake>) -> Router {
    Router::new()
        .route("/api/v2/spans", post(report))
        .fallback(async || (StatusCode::NOT_FOUND, PLACE))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(intake)
}

async fn report(
    State(intake): State<Arc<Intake>>,
    version: Version,
    headers: HeaderMap,
    mut body: Body,
) -> Response {
    match take(&intake, encoding_of(&headers), &headers, &mut body).await {
        Ok(_) => StatusCode::ACCEPTED.into_response(),
        Err(refusal) => {
            let answer = refused(None, &intake.refuse(refusal));
            after_rest(version, body, intake.limits.max_body_bytes, answer).await
        }
    }
}

/// JSON, also where nothing is said: reporters written by hand often say nothing.
fn encoding_of(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let is_json = !headers.contains_key(CONTENT_TYPE)
        || media_type(headers).is_some_and(|media_type| media_type == "application/json");
    is_json
        .then_some(Encoding::Zipkin)
        .ok_or(Refusal::Unsupported {
            what: "content type",
            supported: "Zipkin v2 spans as `application/json`",
        })
}

async fn method_not_allowed() -> Response {
    let mut response = (StatusCode::METHOD_NOT_ALLOWED, PLACE).into_response();
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

#[cfg(test)]
mod tests;
