//! An application behind a sidecar: HTTP/1.1 with keep-alive that can be slow or broken, else an echo.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use super::client::{Head, read_head};

/// What a server that speaks first says.
pub(super) const GREETING: &[u8] = b"220 ready\r\n";

/// Counts of requests as they arrived, kept by the application itself.
#[derive(Default)]
struct State {
    requests: AtomicU64,
    posts: AtomicU64,
    manner: Mutex<Manner>,
    /// Requests being worked on, when only so many can be.
    busy: Mutex<u32>,
    freed: Condvar,
}

/// How requests are answered.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    /// Status of every answer; 0 ends the connection without one.
    pub status: u16,
    /// Time that a request takes a worker.
    pub takes: Duration,
    /// Requests worked on at once; the others wait.
    pub workers: u32,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            status: 200,
            takes: Duration::ZERO,
            workers: u32::MAX,
        }
    }
}

/// A listening application; it lives as long as the process.
pub(super) struct App(Arc<State>);

impl App {
    /// Answers requests with their own body, and other bytes with themselves.
    pub(super) fn start(ip: Ipv4Addr, port: u16) -> Self {
        Self::listen(ip, port, false)
    }

    /// The same, but it greets whoever connects.
    pub(super) fn start_greeting(ip: Ipv4Addr, port: u16) -> Self {
        Self::listen(ip, port, true)
    }

    fn listen(ip: Ipv4Addr, port: u16, greets: bool) -> Self {
        let listener = TcpListener::bind((ip, port)).unwrap();
        let state = Arc::new(State::default());
        let own = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let state = Arc::clone(&state);
                thread::spawn(move || drop(serve(stream, greets, &state)));
            }
        });
        Self(own)
    }

    /// From now on requests are answered like this.
    pub(super) fn behave(&self, manner: Manner) {
        *self.0.manner.lock().unwrap() = manner;
    }

    /// Requests that arrived so far.
    pub(super) fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Of these, those with a method that is not safe to repeat.
    pub(super) fn posts(&self) -> u64 {
        self.0.posts.load(Ordering::Relaxed)
    }
}

fn serve(mut stream: TcpStream, greets: bool, state: &State) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    if greets {
        stream.write_all(GREETING)?;
    }
    let mut reader = BufReader::new(stream.try_clone()?);
    let first = reader.fill_buf()?;
    let is_http = [&b"GET "[..], b"POST "]
        .iter()
        .any(|word| first.starts_with(word));
    if !is_http {
        return echo(&mut reader, &mut stream);
    }
    while let Some(head) = read_head(&mut reader)? {
        let mut body = vec![0; head.length];
        reader.read_exact(&mut body)?;
        if !answer(&mut stream, &head, &body, state)? {
            break;
        }
    }
    stream.shutdown(Shutdown::Both)
}

fn echo(reader: &mut BufReader<TcpStream>, stream: &mut TcpStream) -> std::io::Result<()> {
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return stream.shutdown(Shutdown::Write);
        }
        stream.write_all(bytes)?;
        let length = bytes.len();
        reader.consume(length);
    }
}

/// Whether the connection stays open.
fn answer(
    stream: &mut TcpStream,
    head: &Head,
    body: &[u8],
    state: &State,
) -> std::io::Result<bool> {
    state.requests.fetch_add(1, Ordering::Relaxed);
    if head.first_line.starts_with("POST ") {
        state.posts.fetch_add(1, Ordering::Relaxed);
    }
    let manner = *state.manner.lock().unwrap();
    work(state, manner);
    if manner.status == 0 {
        return Ok(false);
    }
    let text = format!(
        "HTTP/1.1 {} Said\r\nContent-Length: {}\r\n\r\n",
        manner.status,
        body.len()
    );
    stream.write_all(&[text.as_bytes(), body].concat())?;
    Ok(!head.closes)
}

fn work(state: &State, manner: Manner) {
    if manner.takes.is_zero() {
        return;
    }
    let busy = state.busy.lock().unwrap();
    let mut busy = state
        .freed
        .wait_while(busy, |busy| *busy >= manner.workers)
        .unwrap();
    *busy += 1;
    drop(busy);
    thread::sleep(manner.takes);
    *state.busy.lock().unwrap() -= 1;
    state.freed.notify_one();
}
