//! OTLP/HTTP answers in the encoding of the request.

use axum::http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use prost::Message;
use serde_json::json;

use crate::input::compression::BodyFault;
use crate::receiver::grpc::response_to;
use crate::receiver::{Accepted, Encoding, Refusal};

/// Seconds after which a refused sender should try again: a flush of the queues takes far less.
const RETRY_AFTER_SECONDS: &str = "1";

/// `google.rpc.Code` numbers.
const INVALID_ARGUMENT: i32 = 3;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNAVAILABLE: i32 = 14;

/// 200, with a partial success when spans were rejected.
pub(super) fn accepted(encoding: Encoding, outcome: &Accepted) -> Response {
    let body = match encoding {
        Encoding::Protobuf => response_to(outcome).encode_to_vec(),
        Encoding::Json if outcome.rejected.is_empty() => b"{}".to_vec(),
        Encoding::Json => json!({"partialSuccess": {
            // 64-bit integers are text in proto3 JSON.
            "rejectedSpans": outcome.rejected_spans().to_string(),
            "errorMessage": outcome.message(),
        }})
        .to_string()
        .into_bytes(),
    };
    respond(encoding, StatusCode::OK, body)
}

/// A `google.rpc.Status`: with 503 when the sender should come back, 413 for what is too large, 400 otherwise.
///
/// The specification lets senders retry on 503 and not on 408, so a late body is 503 as well.
pub(super) fn refused(encoding: Encoding, refusal: &Refusal) -> Response {
    let (status, code) = match refusal {
        _ if refusal.is_retryable() => (StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE),
        Refusal::TooLarge(_) | Refusal::Compression(BodyFault::TooLarge(_)) => {
            (StatusCode::PAYLOAD_TOO_LARGE, RESOURCE_EXHAUSTED)
        }
        _ => (StatusCode::BAD_REQUEST, INVALID_ARGUMENT),
    };
    let message = refusal.to_string();
    let body = match encoding {
        Encoding::Protobuf => rpc_status(code, &message),
        Encoding::Json => json!({"code": code, "message": message})
            .to_string()
            .into_bytes(),
    };
    let mut response = respond(encoding, status, body);
    if refusal.is_retryable() {
        let after = HeaderValue::from_static(RETRY_AFTER_SECONDS);
        response.headers_mut().insert(RETRY_AFTER, after);
    }
    response
}

/// 415: the answer is text, since the sender speaks nothing else that we do.
pub(super) fn unsupported(refusal: &Refusal) -> Response {
    let mut response = (StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{refusal}\n")).into_response();
    let encodings = HeaderValue::from_static("gzip, zstd");
    response.headers_mut().insert(ACCEPT_ENCODING, encodings);
    response
}

pub(super) async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "traces go to `POST /v1/traces`\n").into_response()
}

pub(super) async fn method_not_allowed() -> Response {
    let mut response = (
        StatusCode::METHOD_NOT_ALLOWED,
        "traces go to `POST /v1/traces`\n",
    )
        .into_response();
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

fn respond(encoding: Encoding, status: StatusCode, body: Vec<u8>) -> Response {
    let content_type = match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    (status, [(CONTENT_TYPE, content_type)], body).into_response()
}

/// `google.rpc.Status`: `int32 code = 1; string message = 2`.
fn rpc_status(code: i32, message: &String) -> Vec<u8> {
    let mut body = Vec::new();
    prost::encoding::int32::encode(1, &code, &mut body);
    prost::encoding::string::encode(2, message, &mut body);
    body
}
