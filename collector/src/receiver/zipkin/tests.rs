use std::num::NonZeroUsize;

use axum::body::to_bytes;
use axum::http::Request;
use axum::http::request::Builder;
use tonic::codegen::Service;
use tracemesh_graph::settings::Settings;

use super::*;
use crate::clock::Clocks;
use crate::pipeline::Pipeline;
use crate::receiver::ReceiverLimits;

const SPANS: &str =
    r#"[{"traceId":"1","id":"2"},{"traceId":"1","id":"0"},{"traceId":"1","id":"3","timestamp":1}]"#;

fn intake(limits: ReceiverLimits) -> Arc<Intake> {
    let shards = NonZeroUsize::new(2).unwrap();
    let pipeline = Pipeline::start(&Settings::default(), shards, 10).unwrap();
    Arc::new(Intake::new(Arc::new(pipeline), limits, Clocks::system()))
}

async fn answer(intake: &Arc<Intake>, request: Builder, body: impl Into<Body>) -> Response {
    let request = request.body(body.into()).unwrap();
    router(Arc::clone(intake)).call(request).await.unwrap()
}

fn report() -> Builder {
    Request::post("/api/v2/spans").header("content-type", "application/json")
}

#[tokio::test]
async fn spans_are_taken_with_202_and_an_empty_body() {
    let intake = intake(ReceiverLimits::default());
    let packed = zstd::encode_all(SPANS.as_bytes(), 3).unwrap();
    let plain = answer(&intake, report(), SPANS).await;
    let charset =
        Request::post("/api/v2/spans").header("content-type", "Application/JSON; charset=utf-8");
    let unsaid = Request::post("/api/v2/spans");
    for response in [
        plain,
        answer(&intake, report().header("content-encoding", "zstd"), packed).await,
        answer(&intake, charset, "[]").await,
        answer(&intake, unsaid, "[]").await,
    ] {
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        assert!(to_bytes(response.into_body(), 1).await.unwrap().is_empty());
    }
    let totals = intake.totals();
    assert_eq!(
        (totals.requests, totals.spans, totals.rejected_spans),
        (4, 4, 2)
    );
    assert_eq!((totals.refused, totals.turned_away), (0, 0));
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_its_reason() {
    let limits = ReceiverLimits {
        max_body_bytes: 100,
        max_decompressed_bytes: 1_000,
        ..ReceiverLimits::default()
    };
    let intake = intake(limits);
    let thrift = Request::post("/api/v2/spans").header("content-type", "application/x-thrift");
    let bomb = zstd::encode_all(&vec![b' '; 5_000][..], 3).unwrap();
    let cases = [
        (report(), Body::from("{"), StatusCode::BAD_REQUEST),
        (report(), Body::from("7"), StatusCode::BAD_REQUEST),
        (thrift, Body::from("[]"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            report().header("content-encoding", "br"),
            Body::from("[]"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            report(),
            Body::from(" ".repeat(101)),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        (
            report().header("content-encoding", "zstd"),
            Body::from(bomb),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ];
    let count = cases.len() as u64;
    for (request, body, status) in cases {
        let response = answer(&intake, request, body).await;
        assert_eq!(response.status(), status);
        let said = to_bytes(response.into_body(), 1_000).await.unwrap();
        assert!(said.ends_with(b"\n"), "{said:?}");
    }
    let totals = intake.totals();
    assert_eq!((totals.requests, totals.refused), (0, count));
}

#[tokio::test]
async fn overload_is_503_with_a_time_to_come_back() {
    let intake = intake(ReceiverLimits::default());
    intake.pipeline.pretend_queued(9);
    let response = answer(&intake, report(), SPANS).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
    intake.pipeline.pretend_queued(0);
    let response = answer(&intake, report(), SPANS).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let totals = intake.totals();
    assert_eq!((totals.spans, totals.turned_away), (2, 1));
    assert_eq!(totals.refused_by.len(), 1, "{:?}", totals.refused_by);
}

#[tokio::test]
async fn other_places_and_methods_say_where_to_go() {
    let intake = intake(ReceiverLimits::default());
    let old = answer(&intake, Request::post("/api/v1/spans"), "[]").await;
    assert_eq!(old.status(), StatusCode::NOT_FOUND);
    let read = answer(&intake, Request::get("/api/v2/spans"), "").await;
    assert_eq!(read.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(read.headers()["allow"], "POST");
    let said = to_bytes(read.into_body(), 1_000).await.unwrap();
    assert_eq!(&said[..], PLACE.as_bytes());
}
