//! Answers over gRPC: a message with trailers, or a status that says whether to come back, and when.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use http_body_util::{BodyExt, Full};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use prost::encoding::{encode_key, encode_varint, int32, int64, string};
use tonic::{Code, Status};

use crate::receiver::inflate::Coding;
use crate::receiver::refusal::{Refusal, Verdict};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const CODINGS: HeaderValue = HeaderValue::from_static(Coding::NAMES);

/// The answer to an accepted request.
pub(super) fn ok(answer: &ExportTraceServiceResponse) -> Response {
    let length = answer.encoded_len();
    let mut frame = Vec::with_capacity(length + 5);
    frame.push(0);
    // Two short fields: far below 4 GiB.
    frame.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend(answer.encode_to_vec());
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    let trailers = std::future::ready(Some(Ok(trailers)));
    let body = Full::new(Bytes::from(frame)).with_trailers(trailers);
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_ACCEPT_ENCODING, CODINGS);
    response
}

/// The answer to a refused request.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let mut response: Response = status(refusal).into_http();
    if refusal.verdict() == Verdict::Unsupported {
        response.headers_mut().insert(GRPC_ACCEPT_ENCODING, CODINGS);
    }
    response
}

/// By the OTLP specification senders come back after UNAVAILABLE, and after RESOURCE_EXHAUSTED only if it brings a
/// RetryInfo, so what is too large must not.
fn status(refusal: &Refusal) -> Status {
    let message = refusal.to_string();
    match refusal.verdict() {
        Verdict::Invalid => Status::invalid_argument(message),
        Verdict::TooLarge => Status::resource_exhausted(message),
        Verdict::Unsupported => Status::unimplemented(message),
        Verdict::Unauthenticated => Status::unauthenticated(message),
        Verdict::Retry(after) => {
            let details = retry_details(Code::Unavailable, &message, after);
            Status::with_details(Code::Unavailable, message, Bytes::from(details))
        }
    }
}

/// `google.rpc.Status` with a `google.rpc.RetryInfo`: what `grpc-status-details-bin` holds.
///
/// Status: `int32 code = 1; string message = 2; repeated Any details = 3`. Any: `string type_url = 1; bytes value = 2`.
/// RetryInfo: `Duration retry_delay = 1`. Duration: `int64 seconds = 1; int32 nanos = 2`.
fn retry_details(code: Code, message: &String, after: Duration) -> Vec<u8> {
    let mut delay = Vec::new();
    int64::encode(
        1,
        &i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        &mut delay,
    );
    if after.subsec_nanos() > 0 {
        int32::encode(
            2,
            &i32::try_from(after.subsec_nanos()).unwrap_or(0),
            &mut delay,
        );
    }
    let mut info = Vec::new();
    put(1, &delay, &mut info);
    let mut any = Vec::new();
    string::encode(
        1,
        &"type.googleapis.com/google.rpc.RetryInfo".to_owned(),
        &mut any,
    );
    put(2, &info, &mut any);
    let mut status = Vec::new();
    int32::encode(1, &i32::from(code), &mut status);
    string::encode(2, message, &mut status);
    put(3, &any, &mut status);
    status
}

/// A field of bytes or of a message.
fn put(field: u32, bytes: &[u8], to: &mut Vec<u8>) {
    encode_key(field, prost::encoding::WireType::LengthDelimited, to);
    encode_varint(bytes.len() as u64, to);
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Refused;

    #[test]
    fn codes_are_those_that_senders_act_upon() {
        for (refusal, code, retries) in [
            (Refusal::Corrupt, Code::InvalidArgument, false),
            (Refusal::Framing("x"), Code::InvalidArgument, false),
            (Refusal::TooLarge(1), Code::ResourceExhausted, false),
            (Refusal::Bomb(1), Code::ResourceExhausted, false),
            (Refusal::Unauthenticated, Code::Unauthenticated, false),
            (
                Refusal::Unsupported {
                    what: "x",
                    supported: "y",
                },
                Code::Unimplemented,
                false,
            ),
            (Refusal::Busy, Code::Unavailable, true),
            (Refusal::Late, Code::Unavailable, true),
            (Refusal::Paused, Code::Unavailable, true),
            (Refusal::Failed, Code::Unavailable, true),
            (
                Refusal::Pipeline(Refused::Overloaded),
                Code::Unavailable,
                true,
            ),
            (Refusal::Pipeline(Refused::Stopped), Code::Unavailable, true),
        ] {
            let status = status(&refusal);
            assert_eq!(
                (status.code(), !status.details().is_empty()),
                (code, retries)
            );
        }
    }

    /// Byte by byte, because the types are in no crate that is used here.
    #[test]
    fn retry_info_is_encoded_as_google_rpc_says() {
        let details = retry_details(
            Code::Unavailable,
            &"m".to_owned(),
            Duration::from_millis(1_500),
        );
        let mut expected = vec![8, 14, 18, 1, b'm', 26, 54, 10, 40];
        expected.extend(b"type.googleapis.com/google.rpc.RetryInfo");
        expected.extend([18, 10, 10, 8, 8, 1, 16, 0x80, 0xca, 0xb5, 0xee, 1]);
        assert_eq!(details, expected);
    }
}
