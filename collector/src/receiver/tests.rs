use std::num::NonZeroUsize;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode};
use prost::Message;
use tonic::codegen::Service;
use tracemesh_graph::settings::Settings;

use super::*;
use crate::testing::{sample_request, sample_span};

fn intake(limits: ReceiverLimits) -> Arc<Intake> {
    let shards = NonZeroUsize::new(2).unwrap();
    let pipeline = Pipeline::start(&Settings::default(), shards, 10).unwrap();
    Arc::new(Intake::new(Arc::new(pipeline), limits))
}

fn body() -> Vec<u8> {
    let mut bad = sample_span(1, 3);
    bad.span_id.clear();
    sample_request(vec![sample_span(1, 1), bad, sample_span(1, 2)]).encode_to_vec()
}

async fn accept(intake: &Arc<Intake>, body: Vec<u8>) -> Result<Accepted, Refusal> {
    let body = Bytes::from(body);
    intake
        .accept(Encoding::Protobuf, Compression::None, body)
        .await
}

#[tokio::test]
async fn overload_refuses_the_whole_request_and_counts_nothing_of_it() {
    let intake = intake(ReceiverLimits::default());
    intake.pipeline.pretend_queued(9);
    let refusal = accept(&intake, body()).await.unwrap_err();
    assert!(refusal.is_retryable(), "{refusal}");
    intake.pipeline.pretend_queued(0);
    let accepted = accept(&intake, body()).await.unwrap();
    assert_eq!(
        accepted.rejected,
        BTreeMap::from([(RejectReason::SpanId, 1)])
    );
    assert_eq!(accepted.message(), "spans rejected by reason: span_id: 1");
    let totals = Totals {
        requests: 1,
        spans: 2,
        rejected_spans: 1,
        refused: 0,
        turned_away: 1,
    };
    assert_eq!(intake.totals(), totals);
}

#[tokio::test]
async fn overload_over_http_is_503_with_a_time_to_retry() {
    let intake = intake(ReceiverLimits::default());
    intake.pipeline.pretend_queued(9);
    let mut router = http::router(Arc::clone(&intake));
    let request = Request::post("/v1/traces")
        .header("content-type", "application/json; charset=utf-8")
        .body(Body::from(JSON))
        .unwrap();
    let response = router.call(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    assert_eq!(&body[..], br#"{"code":14,"message":"the queues are full"}"#);
}

const JSON: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
    {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"},
    {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b175"}]}]}]}"#;

/// The first spans of a request that turns out broken must not ride along with the next request.
#[tokio::test]
async fn a_broken_request_leaves_nothing_behind() {
    let intake = intake(ReceiverLimits::default());
    let mut broken = body();
    broken.push(0x0b);
    let refusal = accept(&intake, broken).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Undecodable(_)), "{refusal}");
    let mut recorder = intake.borrow_recorder();
    assert!(recorder.take_records().is_empty());
    assert!(recorder.take_rejected().is_empty());
    assert_eq!(intake.totals().refused, 1);
}

#[tokio::test]
async fn a_shut_down_pipeline_turns_requests_away() {
    let intake = intake(ReceiverLimits::default());
    drop(intake.pipeline.drain());
    let refusal = accept(&intake, body()).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Pipeline(Refused::Stopped)));
    assert!(refusal.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn places_are_waited_for_and_then_refused() {
    let limits = ReceiverLimits {
        max_concurrent: 1,
        ..ReceiverLimits::default()
    };
    let intake = intake(limits);
    let held = intake.admit().await.unwrap();
    let refusal = intake.admit().await.unwrap_err();
    assert!(matches!(refusal, Refusal::Busy) && refusal.is_retryable());
    drop(held);
    assert!(intake.admit().await.is_ok());
}

#[tokio::test]
async fn a_paused_receiver_turns_requests_away_until_it_is_resumed() {
    let intake = intake(ReceiverLimits::default());
    intake.pause(true);
    let refusal = intake.admit().await.map(drop).unwrap_err();
    assert!(matches!(refusal, Refusal::Paused) && refusal.is_retryable());
    intake.pause(false);
    assert!(intake.admit().await.is_ok());
}
