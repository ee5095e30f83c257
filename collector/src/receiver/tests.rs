use std::num::NonZeroUsize;
use std::time::Duration;

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
    Arc::new(Intake::new(Arc::new(pipeline), limits, Clocks::system()))
}

fn body() -> Vec<u8> {
    let mut bad = sample_span(1, 3);
    bad.span_id.clear();
    sample_request(vec![sample_span(1, 1), bad, sample_span(1, 2)]).encode_to_vec()
}

fn held(intake: &Intake, body: Vec<u8>) -> Held {
    Held {
        bytes: Bytes::from(body),
        share: intake.admit(&HeaderMap::new()).unwrap(),
    }
}

async fn accept(intake: &Arc<Intake>, body: Vec<u8>) -> Result<Accepted, Refusal> {
    let body = held(intake, body);
    intake
        .accept(Encoding::Protobuf, Coding::Identity, body)
        .await
        .map_err(|refusal| intake.refuse(refusal))
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
        refused_by: BTreeMap::from([("queue_full", 1)]),
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
    let mut desk = intake.take_desk();
    assert!(desk.recorder.take_records().is_empty());
    assert!(desk.recorder.take_rejected().is_empty());
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

/// Places are for large requests: small ones are decoded where they arrive.
#[tokio::test(start_paused = true)]
async fn places_are_waited_for_and_then_refused() {
    let limits = ReceiverLimits {
        max_concurrent: 1,
        ..ReceiverLimits::default()
    };
    let intake = intake(limits);
    let occupied = intake.places.acquire().await.unwrap();
    assert!(accept(&intake, body()).await.is_ok());
    // An unknown field of three million bytes.
    let mut large = vec![0x7a, 0xc0, 0x8d, 0xb7, 0x01];
    large.resize(3_000_005, 0);
    let refusal = accept(&intake, large.clone()).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Busy) && refusal.is_retryable());
    drop(occupied);
    accept(&intake, large).await.unwrap();
}

#[tokio::test]
async fn a_paused_receiver_turns_requests_away_until_it_is_resumed_and_a_stopping_one_for_good() {
    let intake = intake(ReceiverLimits::default());
    let admitted = |intake: &Intake| intake.admit(&HeaderMap::new()).map(drop);
    assert!(intake.pause(true) && !intake.pause(true));
    let refusal = admitted(&intake).unwrap_err();
    assert!(matches!(refusal, Refusal::Paused) && refusal.is_retryable());
    assert!(intake.pause(false));
    assert!(admitted(&intake).is_ok());
    intake.stop();
    let refusal = admitted(&intake).unwrap_err();
    assert!(matches!(refusal, Refusal::Pipeline(Refused::Stopped)));
}

#[tokio::test]
async fn the_bytes_of_a_request_are_given_back_whatever_becomes_of_it() {
    let intake = intake(ReceiverLimits::default());
    let free = intake.budget.free();
    accept(&intake, body()).await.unwrap();
    accept(&intake, vec![0x0a, 0xff]).await.unwrap_err();
    for (coding, bytes) in [(Coding::Gzip, &b"no"[..]), (Coding::Zstd, b"no")] {
        let body = held(&intake, bytes.to_vec());
        let refused = intake.accept(Encoding::Protobuf, coding, body).await;
        assert!(matches!(refused, Err(Refusal::Corrupt)));
    }
    assert_eq!(intake.budget.free(), free);
}

/// A request of full length can be taken, however small the bytes in flight are configured.
#[tokio::test]
async fn the_largest_request_always_fits_the_budget() {
    let intake = intake(ReceiverLimits {
        max_in_flight_bytes: 1,
        max_body_bytes: 1 << 20,
        max_decompressed_bytes: 1 << 20,
        ..ReceiverLimits::default()
    });
    let mut filled = vec![0x7a, 0xfc, 0xff, 0x3f];
    filled.resize(1 << 20, 0);
    let packed = zstd::encode_all(&filled[..], 1).unwrap();
    let bodies = [("identity", filled), ("zstd", packed)];
    for (coding, body) in bodies {
        let pieces = body
            .chunks(8 << 10)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
        let pieces: Vec<_> = pieces.collect();
        let body = Body::from_stream(tonic::codegen::tokio_stream::iter(pieces));
        let request = Request::post("/v1/traces")
            .header("content-type", "application/x-protobuf")
            .header("content-encoding", coding)
            .body(body)
            .unwrap();
        let response = http::router(Arc::clone(&intake))
            .call(request)
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{coding}");
    }
}

#[tokio::test]
async fn tokens_are_asked_for_over_both_protocols_before_the_body_is_read() {
    let intake = intake(ReceiverLimits::default());
    intake.require(Tokens::parse("0123456789abcdef").unwrap());
    for (authorization, status) in [("Bearer 0123456789abcdef", 200), ("Bearer no", 401)] {
        let request = Request::post("/v1/traces")
            .header("content-type", "application/json")
            .header("authorization", authorization)
            .body(Body::from("{}"))
            .unwrap();
        let response = http::router(Arc::clone(&intake))
            .call(request)
            .await
            .unwrap();
        assert_eq!(response.status(), status);
        let challenge = response.headers().get("www-authenticate");
        assert_eq!(challenge.is_some(), status == 401);
    }
    assert_eq!(intake.totals().refused_by["unauthenticated"], 1);
}

/// The handler of a connection that breaks is dropped, not told.
#[tokio::test]
async fn a_request_dropped_while_it_is_read_is_counted_as_cut() {
    let intake = intake(ReceiverLimits::default());
    let never = intake.in_time(std::future::pending::<Result<(), Refusal>>());
    assert!(tokio::time::timeout(Duration::ZERO, never).await.is_err());
    assert_eq!(intake.totals().refused_by, BTreeMap::from([("cut", 1)]));
}
