//! What a refusal leaves unread of a request over HTTP/1.1.
//!
//! A server that answers before it has read a body can only close the connection after its answer. A sender that does not
//! know that sends its next request on it, or is still sending this one, and gets a broken connection instead of an answer;
//! the OpenTelemetry SDK for Go, for one, gives such spans up. So what is left is read and thrown away where it comes at
//! once and is no longer than a request may be; else the answer says that the connection ends. HTTP/2 ends streams one by
//! one and needs none of this.

use std::time::Duration;

use axum::body::Body;
use axum::body::HttpBody as _;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Version};
use axum::response::Response;
use http_body_util::BodyExt as _;

/// Longest wait for the rest of a refused request.
const PATIENCE: Duration = Duration::from_secs(1);

/// The answer to a refused request, once the rest of it is out of the way.
pub(in crate::receiver) async fn after_rest(
    version: Version,
    mut body: Body,
    max_bytes: usize,
    mut answer: Response,
) -> Response {
    if version >= Version::HTTP_2 {
        return answer;
    }
    let is_short = body.size_hint().lower() <= max_bytes as u64;
    let reading = tokio::time::timeout(PATIENCE, is_read(&mut body, max_bytes));
    if !is_short || !reading.await.unwrap_or(false) {
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(CONNECTION, close);
    }
    answer
}

/// Reads to the end of a body and keeps nothing; false when it breaks or has more bytes than these.
async fn is_read(body: &mut Body, max_bytes: usize) -> bool {
    let mut left = max_bytes;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let length = frame.data_ref().map_or(0, |piece| piece.len());
        let Some(rest) = left.checked_sub(length) else {
            return false;
        };
        left = rest;
    }
    true
}
