//! A service under more load than it can take sheds some and answers the rest; one with its usual load sheds nothing.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::super::super::sidecar::{Prepared, Sidecar};
use super::super::app::{App, Manner};
use super::super::client::Connection;
use super::super::mutations::Mutation;
use super::{ask, prove, serving, tally};
use crate::envoy::{dns, reach};
use crate::harness::envoy::envoy;

/// Calls at once that the service had and the formula lets in, whatever the round trip.
const USUAL: usize = 6;
/// Calls at once that it cannot answer in time.
const TOO_MANY: usize = 60;

/// Statuses that clients get who ask one call after the other for a while.
fn ask_for(sidecar: &Sidecar, port: u16, clients: usize, time: Duration) -> Vec<u16> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let client = || {
            let destination = SocketAddrV4::new(reach::address(90), port);
            let mut connection = Connection::to(sidecar.inbound_port(), destination);
            let mut statuses = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let status = ask(&mut connection, "GET");
                statuses.push(status);
                if status != 200 {
                    thread::sleep(Duration::from_millis(50));
                }
            }
            statuses
        };
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        thread::sleep(time);
        over.store(true, Ordering::Relaxed);
        let answers = clients.into_iter().map(|client| client.join().unwrap());
        answers.collect::<Vec<_>>().concat()
    })
}

fn faults(sidecar: &Sidecar, port: u16) -> Vec<String> {
    let blocked =
        format!("http.inbound_{port}.adaptive_concurrency.gradient_controller.rq_blocked");
    let mut faults = Vec::new();
    let usual = ask_for(sidecar, port, USUAL, Duration::from_millis(1500));
    if sidecar.count(&blocked) > 0 || usual.iter().any(|status| *status != 200) {
        faults.push(format!("shed under usual load: {:?}", tally(&usual)));
    }
    let much = tally(&ask_for(sidecar, port, TOO_MANY, Duration::from_secs(2)));
    let shed = sidecar.count(&blocked);
    if shed == 0 || !much.contains_key(&503) {
        faults.push(format!("nothing shed under overload: {much:?}"));
    }
    if much.get(&200).is_none_or(|ok| *ok < USUAL) {
        faults.push(format!("nothing answered under overload: {much:?}"));
    }
    faults
}

#[test]
fn overload_is_shed_and_usual_load_is_not() {
    let Some(envoy) = envoy() else { return };
    // The sidecar calls its application at 127.0.0.1, so the port must be one that nobody has.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let app = App::start(Ipv4Addr::LOCALHOST, port);
    app.behave(Manner {
        takes: Duration::from_millis(20),
        workers: 6,
        ..Manner::default()
    });
    let model = serving(port);
    let prepare = || Prepared::write(&model, "default/shop/cart", dns::serve([].into()));
    prove(
        envoy,
        prepare,
        |sidecar| faults(sidecar, port),
        &[
            Mutation {
                file: "lds.yaml",
                edits: &[("min_concurrency: 8", "min_concurrency: 1")],
                fault: "shed under usual load",
            },
            Mutation {
                file: "lds.yaml",
                edits: &[("default_value: true", "default_value: false")],
                fault: "nothing shed under overload",
            },
        ],
    );
}
