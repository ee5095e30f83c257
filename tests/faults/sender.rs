//! A sender that keeps its connection, and what a process needs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// One connection to an OTLP/HTTP receiver.
#[derive(Debug)]
pub(super) struct Sender {
    stream: BufReader<TcpStream>,
}

/// What a request was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
}

impl Sender {
    pub(super) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the receiver listens");
        Self {
            stream: BufReader::new(stream),
        }
    }

    pub(super) fn post(&mut self, body: &[u8]) -> Answer {
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        self.stream
            .get_mut()
            .write_all(&request)
            .expect("the receiver reads");
        self.answer()
    }

    fn answer(&mut self) -> Answer {
        let status = self.line();
        let status = status.split(' ').nth(1).map(str::parse);
        let status = status.expect("a status line").expect("a status");
        let (mut length, mut retry_after) = (0, None);
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().expect("a length"),
                "retry-after" => retry_after = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("the whole answer");
        Answer {
            status,
            retry_after,
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .expect("the answer is text");
        line.trim_end().to_owned()
    }
}

/// A number of what Linux tells of a process, in KiB; `None` on other systems.
pub(super) fn memory_kib(pid: u32, what: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    line.trim_start_matches(':')
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}
