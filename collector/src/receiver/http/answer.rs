//! OTLP/HTTP answers in the encoding of the request.

use axum::http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use prost::Message;
use serde_json::json;
use tonic::Code;

use crate::receiver::grpc::response_to;
use crate::receiver::inflate::Coding;
use crate::receiver::refusal::{Refusal, Verdict};
use crate::receiver::{Accepted, Encoding};

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
        // Its own receiver answers otherwise, and this one never takes it.
        Encoding::Zipkin => Vec::new(),
    };
    respond(encoding, StatusCode::OK, body)
}

/// A `google.rpc.Status` under the status of HTTP that fits; plain text for senders whose content type is not known.
///
/// The specification lets senders come back after 503 and not after 408, so a late body is 503 as well.
pub(in crate::receiver) fn refused(encoding: Option<Encoding>, refusal: &Refusal) -> Response {
    let (status, code) = match refusal.verdict() {
        Verdict::Invalid => (StatusCode::BAD_REQUEST, Code::InvalidArgument),
        Verdict::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted),
        Verdict::Unsupported => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Unimplemented),
        Verdict::Unauthenticated => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
        Verdict::Retry(_) => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
    };
    let message = refusal.to_string();
    let mut response = match encoding {
        Some(Encoding::Protobuf) => respond(Encoding::Protobuf, status, rpc_status(code, &message)),
        Some(Encoding::Json) => {
            let body = json!({"code": i32::from(code), "message": message});
            respond(Encoding::Json, status, body.to_string().into_bytes())
        }
        Some(Encoding::Zipkin) | None => (status, format!("{message}\n")).into_response(),
    };
    let headers = response.headers_mut();
    match refusal.verdict() {
        Verdict::Retry(after) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        Verdict::Unsupported => {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(Coding::NAMES));
        }
        Verdict::Unauthenticated => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Verdict::Invalid | Verdict::TooLarge => {}
    }
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
        Encoding::Json | Encoding::Zipkin => "application/json",
    };
    (status, [(CONTENT_TYPE, content_type)], body).into_response()
}

/// `google.rpc.Status`: `int32 code = 1; string message = 2`.
fn rpc_status(code: Code, message: &String) -> Vec<u8> {
    let mut body = Vec::new();
    prost::encoding::int32::encode(1, &i32::from(code), &mut body);
    prost::encoding::string::encode(2, message, &mut body);
    body
}
