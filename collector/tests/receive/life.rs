//! Health, reflection, and the way down.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::codegen::tokio_stream;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tracemesh_collector::ReceiverLimits;
use tracemesh_collector::serve::{CollectError, CollectOptions};

use crate::harness::{Collector, http, obstruct_store};

const SERVICE: &str = "opentelemetry.proto.collector.trace.v1.TraceService";

fn asked(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

#[tokio::test]
async fn health_tells_when_requests_are_taken_and_that_they_soon_are_not() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let mut client = HealthClient::new(collector.channel().await);
    for service in ["", SERVICE] {
        let health = client.check(asked(service)).await.unwrap().into_inner();
        assert_eq!(health.status(), ServingStatus::Serving);
    }
    let unknown = client.check(asked("no.such.Service")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let mut watched = client.watch(asked(SERVICE)).await.unwrap().into_inner();
    let first = watched.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let watching = tokio::spawn(async move { watched.message().await });
    let (summary, _store) = collector.stop().await;
    let last = watching.await.unwrap().unwrap().unwrap();
    assert_eq!(last.status(), ServingStatus::NotServing);
    // A stream of health has no end of its own; nobody waits for it, and it is no request that was lost.
    assert!(
        !summary.cut_off && summary.totals.refused == 0,
        "{summary:?}"
    );
}

/// Ten flushes in a row that fail.
#[tokio::test]
async fn health_tells_that_the_store_cannot_be_written() {
    let collector = Collector::start_with(CollectOptions {
        flush_interval: Duration::from_millis(5),
        ..CollectOptions::default()
    })
    .await;
    let mut client = HealthClient::new(collector.channel().await);
    obstruct_store(collector.store());
    let bad = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}"#;
    let until = async |client: &mut HealthClient<_>, wanted: ServingStatus| loop {
        // What is to be written makes the flush fail.
        http(
            collector.addresses.http,
            "application/json",
            "identity",
            bad,
        )
        .await;
        let health = client.check(asked("")).await.unwrap().into_inner();
        if health.status() == wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    until(&mut client, ServingStatus::NotServing).await;
    std::fs::remove_file(collector.store()).unwrap();
    until(&mut client, ServingStatus::Serving).await;
    drop(client);
    let (summary, _store) = collector.stop().await;
    assert!(summary.totals.refused_by["store_unwritable"] >= 1);
}

#[tokio::test]
async fn reflection_names_the_services_that_are_served_and_describes_them() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let mut client = ServerReflectionClient::new(collector.channel().await);
    let requests = [
        MessageRequest::ListServices(String::new()),
        MessageRequest::FileContainingSymbol(SERVICE.to_owned()),
    ];
    let requests = requests.map(|request| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(request),
    });
    let requests = tokio_stream::iter(requests);
    let mut answers = client
        .server_reflection_info(requests)
        .await
        .unwrap()
        .into_inner();
    let listed = answers
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap();
    let MessageResponse::ListServicesResponse(listed) = listed else {
        panic!("{listed:?}");
    };
    let names: Vec<_> = listed
        .service
        .iter()
        .map(|service| &*service.name)
        .collect();
    assert!(
        names.contains(&SERVICE) && names.contains(&"grpc.health.v1.Health"),
        "{names:?}"
    );
    assert!(
        !names
            .iter()
            .any(|name| name.contains("logs") || name.contains("metrics"))
    );
    let file = answers
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap();
    assert!(
        matches!(file, MessageResponse::FileDescriptorResponse(_)),
        "{file:?}"
    );
    drop((answers, client));
    collector.stop().await;
}

const SLOW: &[u8] = b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{";

/// A connection whose request is in work: the server has read its head for sure, because it answers one before.
async fn in_work(collector: &Collector) -> TcpStream {
    let mut stream = TcpStream::connect(collector.addresses.http).await.unwrap();
    stream.write_all(SLOW).await.unwrap();
    stream.write_all(b"}").await.unwrap();
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    stream.write_all(SLOW).await.unwrap();
    stream
}

#[tokio::test]
async fn a_stop_lets_requests_in_work_finish_and_takes_no_others() {
    let collector = Collector::start(ReceiverLimits::default()).await;
    let mut slow = in_work(&collector).await;
    // Until the head of the second request has been read, a stop would end the connection as idle.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let address = collector.addresses.http;
    let stopping = tokio::spawn(collector.stop());
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), refused)
        .await
        .expect("the port is closed");
    slow.write_all(b"}").await.unwrap();
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();
    let rest = String::from_utf8_lossy(&rest).to_ascii_lowercase();
    assert!(
        rest.contains("http/1.1 200 ok") && rest.contains("connection: close"),
        "{rest}"
    );
    let (summary, _store) = stopping.await.unwrap();
    assert_eq!((summary.totals.requests, summary.cut_off), (2, false));
}

#[tokio::test]
async fn a_stop_cuts_off_what_does_not_finish_in_time() {
    let collector = Collector::start_with(CollectOptions {
        drain_timeout: Duration::from_millis(100),
        ..CollectOptions::default()
    })
    .await;
    let _slow = in_work(&collector).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (summary, _store) = collector.stop().await;
    assert!(summary.cut_off);
    assert_eq!(summary.totals.refused_by["cut"], 1);
}

#[tokio::test]
async fn a_stop_ends_even_if_the_store_does_not() {
    let collector = Collector::start_with(CollectOptions {
        finish_timeout: Duration::ZERO,
        ..CollectOptions::default()
    })
    .await;
    let error = collector.try_stop().await.unwrap_err();
    assert!(matches!(error, CollectError::Unfinished(_)), "{error}");
    assert!(error.hint().is_some());
}
