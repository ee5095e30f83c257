//! Three times of what can be taken: memory stays within what is configured, what was taken is in the graph, and once it is over
//! requests are taken at once.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::sender::{Sender, memory_kib};
use super::{graph_of, metric};
use crate::harness::process::{Collector, get};
use crate::harness::python::say;
use crate::harness::{call, request};

/// Calls in a request; each is a trace of three spans.
const CALLS: u64 = 100;
const SPANS: u64 = 3 * CALLS;

const SENDERS: usize = 6;

const BUDGET_KIB: u64 = 16 << 10;
const IN_FLIGHT_KIB: u64 = 16 << 10;

/// Beside the two budgets: the program itself, names, counts between two flushes, and the segment that is written.
const REST_KIB: u64 = 224 << 10;

/// What all senders saw.
#[derive(Debug, Default)]
struct Seen {
    taken: AtomicU64,
    refused: AtomicU64,
    next: AtomicU64,
    is_over: AtomicBool,
    /// Highest values of gauges.
    peaks: Mutex<[u64; 4]>,
}

impl Seen {
    fn numbers(&self) -> (u64, u64) {
        (
            self.taken.load(Ordering::SeqCst),
            self.refused.load(Ordering::SeqCst),
        )
    }

    fn body(&self) -> Vec<u8> {
        let first = self.next.fetch_add(CALLS, Ordering::SeqCst);
        let calls = (first..first + CALLS).flat_map(|number| {
            let trace = u128::from(number) + 1;
            call(
                trace,
                "web",
                &format!("callee-{}", number % 50),
                "cart.shop",
            )
        });
        request(calls.collect())
    }

    fn send(&self, sender: &mut Sender, body: &[u8]) -> bool {
        let answer = sender.post(body);
        let told = (answer.status, answer.retry_after.as_deref());
        assert!(told.0 == 200 || told == (503, Some("1")), "{answer:?}");
        let counter = match answer.status {
            200 => &self.taken,
            _ => &self.refused,
        };
        counter.fetch_add(1, Ordering::SeqCst);
        answer.status == 200
    }

    fn watch(&self, collector: &Collector) {
        let (_, _, text) = get(&collector.admin, "/metrics", &[]);
        let buffered = ["open", "waiting"].map(|state| {
            let name = format!("tracemesh_buffered_bytes{{state=\"{state}\"}}");
            metric(&text, &name).expect("a gauge")
        });
        let now = [
            buffered.iter().sum::<u64>(),
            metric(&text, "tracemesh_in_flight_bytes").expect("a gauge"),
            metric(&text, "tracemesh_queue_spans").expect("a gauge"),
            memory_kib(collector.pid(), "VmRSS").unwrap_or_default(),
        ];
        let mut peaks = self.peaks.lock().unwrap_or_else(PoisonError::into_inner);
        for (peak, now) in peaks.iter_mut().zip(now) {
            *peak = now.max(*peak);
        }
    }
}

fn start(store: &Path) -> Collector {
    let options = [
        ("--shards", "1"),
        ("--queue-spans", "1"),
        ("--memory-budget", "16MiB"),
        ("--max-request-mib", "1"),
        ("--max-in-flight-mib", "16"),
        ("--flush-interval", "1s"),
        ("--trace-idle", "5s"),
    ];
    let options: Vec<&str> = options
        .iter()
        .flat_map(|(name, value)| [*name, *value])
        .collect();
    Collector::start(store, &options)
}

/// Sends from several connections without a pause until `is_enough`, which is asked with what was taken and refused.
fn overload(collector: &Collector, seen: &Arc<Seen>, is_enough: impl Fn(u64, u64) -> bool) {
    let senders = (0..SENDERS).map(|_| {
        let (seen, address) = (Arc::clone(seen), collector.http.clone());
        thread::spawn(move || {
            let mut sender = Sender::connect(&address);
            // A refused request is offered again at once: a sender that does not keep to the time that it is told.
            let mut body = seen.body();
            while !seen.is_over.load(Ordering::SeqCst) {
                if seen.send(&mut sender, &body) {
                    body = seen.body();
                }
            }
        })
    });
    let senders: Vec<_> = senders.collect();
    loop {
        seen.watch(collector);
        let (taken, refused) = seen.numbers();
        if is_enough(taken, refused) {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    seen.is_over.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.join().expect("every answer was one of the two");
    }
}

/// How many requests it takes until one is taken again, with a pause that is a tenth of what senders are told.
fn recover(collector: &Collector, seen: &Seen) -> u32 {
    let mut sender = Sender::connect(&collector.http);
    let body = seen.body();
    (1..=100)
        .find(|_| {
            let is_taken = seen.send(&mut sender, &body);
            if !is_taken {
                thread::sleep(Duration::from_millis(100));
            }
            is_taken
        })
        .expect("requests are taken again")
}

/// Everything that must hold when the load is over.
fn check(collector: Collector, seen: &Seen, store: &Path) {
    let (taken, refused) = seen.numbers();
    let (_, _, text) = get(&collector.admin, "/metrics", &[]);
    let received = "tracemesh_received_spans_total{outcome=\"accepted\"}";
    assert_eq!(metric(&text, received), Some(taken * SPANS));
    let turned_away = "tracemesh_requests_total{outcome=\"turned_away\"}";
    assert_eq!(metric(&text, turned_away), Some(refused));
    let [buffered, in_flight, queued, rss_kib] = *seen.peaks.lock().expect("no sender panicked");
    assert!(buffered <= BUDGET_KIB << 10, "{buffered} bytes buffered");
    assert!(
        in_flight <= IN_FLIGHT_KIB << 10,
        "{in_flight} bytes in flight"
    );
    assert!(queued <= SPANS, "{queued} spans queued");
    let peak_kib = memory_kib(collector.pid(), "VmHWM").unwrap_or_default();
    let most_kib = BUDGET_KIB + IN_FLIGHT_KIB + REST_KIB;
    assert!(
        rss_kib.max(peak_kib) <= most_kib,
        "{peak_kib} KiB of {most_kib}"
    );
    let said = collector.terminate();
    let graph = graph_of(store);
    let told = &graph.diagnostics;
    assert_eq!(told.spans, taken * SPANS, "{said}");
    assert_eq!(told.used + told.duplicates, taken * SPANS, "{told:?}");
    let rejected: u64 = told.rejected.values().sum();
    assert_eq!((told.duplicates, rejected), (0, 0), "{told:?}");
    say(&format!(
        "taken {taken} requests, refused {refused} ({} offered for each taken); peaks: {buffered} bytes buffered, \
         {in_flight} in flight, {queued} spans queued, {peak_kib} KiB resident; {} calls in the graph, {:?}",
        (taken + refused) / taken,
        graph.edges.iter().map(|edge| edge.calls).sum::<u64>(),
        told.counters
    ));
}

#[test]
fn overload_costs_no_taken_span_and_no_memory_beyond_the_budgets() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let collector = start(&store);
    let seen = Arc::new(Seen::default());
    overload(&collector, &seen, |taken, refused| {
        taken >= 100 && refused >= 2 * taken
    });
    recover(&collector, &seen);
    check(collector, &seen, &store);
}

#[test]
#[ignore = "takes a minute; run with `--ignored --nocapture` for the numbers"]
fn a_minute_of_overload() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = place.path().join("data");
    let collector = start(&store);
    let seen = Arc::new(Seen::default());
    // It is looked at twenty times a second.
    let looks = AtomicU64::new(0);
    overload(&collector, &seen, |_, _| {
        looks.fetch_add(1, Ordering::SeqCst) >= 20 * 60
    });
    let attempts = recover(&collector, &seen);
    say(&format!("taken again at attempt {attempts}"));
    let (taken, refused) = seen.numbers();
    assert!(
        refused >= 2 * taken,
        "no overload: {taken} taken, {refused} refused"
    );
    check(collector, &seen, &store);
}
