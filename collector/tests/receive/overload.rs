//! More than can be taken: whoever is refused is told when to come back, what is taken is in the graph, and once the load
//! is gone requests are taken at once. Bounded by counts; `tests/faults.rs` has the minute with a process to measure.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tonic::Code;
use tracemesh_collector::ReceiverLimits;
use tracemesh_collector::serve::CollectOptions;
use tracemesh_collector::store::{Location, Wanted, read};
use tracemesh_graph::settings::Settings;

use crate::harness::{Collector, Raw, framed, get, http, metric, sample};

const PROTOBUF: &str = "application/x-protobuf";

/// Spans of a request.
const SPANS: u64 = 40;

/// What senders were told.
#[derive(Default)]
struct Told {
    requests: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
}

impl Told {
    fn count(&self, is_taken: bool) {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let counter = if is_taken { &self.taken } else { &self.refused };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    fn numbers(&self) -> (u64, u64) {
        (
            self.taken.load(Ordering::SeqCst),
            self.refused.load(Ordering::SeqCst),
        )
    }

    /// Spans that no other request has, of traces of their own.
    fn body(&self) -> Vec<u8> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut request: ExportTraceServiceRequest = sample(SPANS, 0);
        for span in &mut request.resource_spans[0].scope_spans[0].spans {
            let id = NEXT.fetch_add(1, Ordering::Relaxed);
            span.trace_id = u128::from(id).to_be_bytes().to_vec();
        }
        request.encode_to_vec()
    }

    async fn over_http(&self, address: SocketAddr) {
        let answer = http(address, PROTOBUF, "identity", &self.body()).await;
        match answer.status {
            200 => {}
            503 => assert_eq!(answer.header("retry-after"), "1"),
            other => panic!("{other}"),
        }
        self.count(answer.status == 200);
    }

    async fn over_grpc(&self, client: &mut Raw) {
        let answer = client.export(&[], framed(0, &self.body())).await;
        match answer.code {
            Code::Ok => {}
            // The details are a RetryInfo.
            Code::Unavailable => assert!(answer.has_details, "{answer:?}"),
            other => panic!("{other:?} {}", answer.message),
        }
        self.count(answer.code == Code::Ok);
    }
}

async fn start() -> Collector {
    Collector::start_with(CollectOptions {
        admin_address: Some("127.0.0.1:0".parse().unwrap()),
        shards: NonZeroUsize::MIN,
        // A second request finds no room while one waits.
        queue_records: 1,
        flush_interval: Duration::from_millis(50),
        settings: Settings {
            slice_idle_ms: 20,
            max_waiting_records: 0,
            max_buffered_bytes: 16 << 10,
            ..Settings::default()
        },
        limits: ReceiverLimits {
            max_body_bytes: 100_000,
            max_decompressed_bytes: 100_000,
            max_in_flight_bytes: 600_000,
            ..ReceiverLimits::default()
        },
        ..CollectOptions::default()
    })
    .await
}

/// Connections that hold nearly all of the bytes in flight until they are dropped.
async fn hogs(collector: &Collector) -> Vec<TcpStream> {
    const PART: usize = 90_000;
    let mut hogs = Vec::new();
    for _ in 0..6 {
        let mut stream = TcpStream::connect(collector.addresses.http).await.unwrap();
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: {PROTOBUF}\r\ncontent-length: {}\r\n\r\n",
            PART + 1
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&[0; PART]).await.unwrap();
        hogs.push(stream);
    }
    let admin = collector.addresses.admin.unwrap();
    while metric(admin, "tracemesh_in_flight_bytes").await < 6.0 * 90_000.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    hogs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_overload_the_refused_come_back_and_the_taken_are_in_the_graph() {
    let collector = start().await;
    let (grpc, address) = (collector.addresses.grpc, collector.addresses.http);
    let told = Arc::new(Told::default());
    // The queue is the bound: many senders at once, until it has refused some.
    let senders = (0..8).map(|number| {
        let told = Arc::clone(&told);
        tokio::spawn(async move {
            let mut client = Raw::connect(grpc).await;
            for _ in 0..2_000 {
                match number % 2 {
                    0 => told.over_http(address).await,
                    _ => told.over_grpc(&mut client).await,
                }
                let (taken, refused) = told.numbers();
                if taken >= 20 && refused >= 20 {
                    break;
                }
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    let (taken, queue_full) = told.numbers();
    assert!(taken >= 20 && queue_full >= 20, "{taken} {queue_full}");
    // The bytes are the bound: others hold them, so nothing is taken, until three times of what was taken was offered.
    let hogs = hogs(&collector).await;
    let mut client = Raw::connect(grpc).await;
    for round in 0.. {
        if round >= 10 && told.requests.load(Ordering::SeqCst) >= 3 * taken {
            break;
        }
        told.over_http(address).await;
        told.over_grpc(&mut client).await;
    }
    let (still, refused) = told.numbers();
    assert_eq!(still, taken, "nothing more was taken");
    drop(hogs);
    // As soon as the connections are known to be gone.
    let admin = collector.addresses.admin.unwrap();
    while metric(admin, "tracemesh_in_flight_bytes").await > 0.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    told.over_http(address).await;
    while metric(admin, "tracemesh_queue_spans").await > 0.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    told.over_grpc(&mut client).await;
    assert_eq!(told.numbers(), (taken + 2, refused), "it is as before");
    assert_eq!(get(admin, "/readyz", "").await.status, 200);
    drop(client);
    let (summary, store) = collector.stop().await;
    let totals = summary.totals;
    assert_eq!(totals.spans, (taken + 2) * SPANS);
    assert_eq!(totals.turned_away, refused);
    assert_eq!(totals.refused_by["queue_full"], queue_full);
    assert_eq!(totals.refused_by["busy"], refused - queue_full);
    assert_eq!(totals.refused_by["cut"], 6);
    let contents = read(&Location::from(store.path()), &Wanted::default()).unwrap();
    let diagnostics = contents.segment.snapshot(&Settings::default()).diagnostics;
    assert_eq!(diagnostics.spans, totals.spans);
    assert_eq!(diagnostics.used, totals.spans);
}

/// Small spans become records of five times their size: they are charged, and what could never fit is told so.
#[tokio::test]
async fn spans_that_would_fill_memory_as_records_are_refused_for_good() {
    let collector = Collector::start(ReceiverLimits {
        max_body_bytes: 200_000,
        max_decompressed_bytes: 400_000,
        max_in_flight_bytes: 1,
        ..ReceiverLimits::default()
    })
    .await;
    // The smallest that is a span: two ids.
    let mut request = sample(5_000, 0);
    for span in &mut request.resource_spans[0].scope_spans[0].spans {
        (span.kind, span.name) = (0, String::new());
    }
    let body = request.encode_to_vec();
    assert!(body.len() < 200_000, "{}", body.len());
    let answer = http(collector.addresses.http, PROTOBUF, "identity", &body).await;
    assert_eq!(answer.status, 413);
    let text = String::from_utf8_lossy(&answer.body);
    assert!(text.contains("send smaller batches"), "{text}");
    let mut client = Raw::connect(collector.addresses.grpc).await;
    let answer = client.export(&[], framed(0, &body)).await;
    assert_eq!(
        (answer.code, answer.has_details),
        (Code::ResourceExhausted, false)
    );
    let half = sample(1_000, 0).encode_to_vec();
    let answer = client.export(&[], framed(0, &half)).await;
    assert_eq!(answer.code, Code::Ok, "{}", answer.message);
    drop(client);
    let (summary, _store) = collector.stop().await;
    assert_eq!(summary.totals.refused_by["too_many_spans"], 2);
    assert_eq!(summary.totals.spans, 1_000);
}
