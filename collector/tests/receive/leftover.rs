//! What a refusal leaves of an HTTP/1.1 connection: senders reuse it for the next request, and few of them send that again
//! when the connection breaks meanwhile.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracemesh_collector::ReceiverLimits;

use crate::harness::Collector;

/// One connection that stays.
struct Kept(TcpStream);

impl Kept {
    async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Sends a head that announces so many bytes, and this body.
    async fn send(&mut self, encoding: &str, announced: usize, body: &[u8]) {
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
             content-encoding: {encoding}\r\ncontent-length: {announced}\r\n\r\n"
        );
        self.0.write_all(head.as_bytes()).await.unwrap();
        self.0.write_all(body).await.unwrap();
    }

    /// The next response: its status, and whether the connection ends with it.
    async fn answer(&mut self) -> (u16, bool) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let (_, length) = head.split_once("content-length: ").unwrap();
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.contains("\r\nconnection: close\r\n"))
    }
}

fn limits() -> ReceiverLimits {
    ReceiverLimits {
        max_body_bytes: 1 << 20,
        read_timeout: Duration::from_millis(200),
        ..ReceiverLimits::default()
    }
}

#[tokio::test]
async fn a_refused_request_is_read_to_its_end_and_the_next_is_taken_on_its_connection() {
    let collector = Collector::start(limits()).await;
    let mut kept = Kept::to(collector.addresses.http).await;
    for bytes in [10, 100_000, 1 << 20] {
        kept.send("br", bytes, &vec![b'x'; bytes]).await;
        assert_eq!(kept.answer().await, (415, false), "{bytes}");
        kept.send("identity", 2, b"{}").await;
        assert_eq!(kept.answer().await, (200, false), "{bytes}");
    }
    assert_eq!(collector.stop().await.0.totals.refused, 3);
}

#[tokio::test]
async fn a_refused_request_that_is_too_long_or_does_not_end_is_told_that_its_connection_does() {
    let collector = Collector::start(limits()).await;
    for (announced, sent, status) in [(1_000, 10, 415), (1 << 30, 10, 415), (1_000, 0, 415)] {
        let mut kept = Kept::to(collector.addresses.http).await;
        kept.send("br", announced, &vec![b'x'; sent]).await;
        assert_eq!(kept.answer().await, (status, true), "{announced} {sent}");
        let mut rest = Vec::new();
        // The bytes that nobody read make it a reset.
        let _end = kept.0.read_to_end(&mut rest).await;
        assert_eq!(rest, b"");
    }
    let mut kept = Kept::to(collector.addresses.http).await;
    kept.send("identity", (1 << 20) + 1, b"{").await;
    assert_eq!(kept.answer().await, (413, true));
    assert_eq!(collector.stop().await.0.totals.refused, 4);
}
