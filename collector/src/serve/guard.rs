//! A stream that does not wait for ever for its peer.
//!
//! Peers that vanish, say nothing, or never read their answers would hold a connection until the operating system notices,
//! which may be never. [`Guarded`] fails a read or a write that has made no progress for its time with
//! [`TimedOut`](io::ErrorKind::TimedOut). Whoever is alive but idle is kept by the pings of HTTP/2; an idle connection of
//! HTTP/1 is closed, as senders expect.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a peer may make no progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until the first byte.
    pub(super) first_byte: Duration,
    /// Between two bytes read.
    pub(super) read: Duration,
    /// For bytes to be taken by the peer.
    pub(super) write: Duration,
}

/// A stream with its timers.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    patience: Patience,
    read: Timer,
    write: Timer,
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, patience: Patience) -> Self {
        Self {
            stream,
            patience,
            read: Timer::new(patience.first_byte),
            write: Timer::new(patience.write),
        }
    }
}

/// Measures the time since something began to wait. Waking costs more than reading a clock, so the timer is set once and
/// looks, when it fires, whether there was progress meanwhile.
#[derive(Debug)]
struct Timer {
    patience: Duration,
    waits_since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    const fn new(patience: Duration) -> Self {
        Self {
            patience,
            waits_since: None,
            alarm: None,
        }
    }

    const fn progress(&mut self) {
        self.waits_since = None;
    }

    /// Ready when the peer was waited for too long.
    fn poll_expired(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let now = Instant::now();
        let deadline = *self.waits_since.get_or_insert(now) + self.patience;
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep(self.patience)));
        // An alarm left from an earlier wait fires early, which is harmless; one set for later must not stay.
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        while alarm.as_mut().poll(context).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the peer made no progress",
                ));
            }
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Passes progress on, and turns a wait without end into an error.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.progress();
            return polled;
        }
        self.poll_expired(context).map(Err)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        if polled.is_ready() {
            this.read.patience = this.patience.read;
        }
        this.read.watch(context, polled)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.write.watch(context, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(context, parts);
        this.write.watch(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(context);
        this.write.watch(context, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_shutdown(context);
        this.write.watch(context, polled)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    const PATIENCE: Patience = Patience {
        first_byte: SECOND,
        read: Duration::from_secs(10),
        write: Duration::from_secs(3),
    };

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_speaks_is_given_up_sooner_than_one_that_falls_silent() {
        let start = Instant::now();
        let (_peer, ours) = duplex(64);
        let error = Guarded::new(ours, PATIENCE).read_u8().await.unwrap_err();
        assert_eq!(
            (error.kind(), start.elapsed().as_secs()),
            (io::ErrorKind::TimedOut, 1)
        );

        let start = Instant::now();
        let (mut peer, ours) = duplex(64);
        let mut guarded = Guarded::new(ours, PATIENCE);
        peer.write_all(b"ab").await.unwrap();
        guarded.read_exact(&mut [0; 2]).await.unwrap();
        let error = guarded.read_u8().await.unwrap_err();
        assert_eq!(
            (error.kind(), start.elapsed().as_secs()),
            (io::ErrorKind::TimedOut, 10)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_peer_that_goes_on_is_waited_for() {
        let (mut peer, ours) = duplex(64);
        let mut guarded = Guarded::new(ours, PATIENCE);
        let writer = tokio::spawn(async move {
            for byte in 0..5 {
                peer.write_u8(byte).await.unwrap();
                sleep(9 * SECOND).await;
            }
            peer
        });
        for expected in 0..5 {
            assert_eq!(guarded.read_u8().await.unwrap(), expected);
        }
        drop(writer.await.unwrap());
        assert_eq!(
            guarded.read_u8().await.unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_given_up() {
        let start = Instant::now();
        let (mut peer, ours) = duplex(64);
        let mut guarded = Guarded::new(ours, PATIENCE);
        guarded.write_all(&[0; 64]).await.unwrap();
        let reader = tokio::spawn(async move {
            sleep(2 * SECOND).await;
            peer.read_exact(&mut [0; 32]).await.unwrap();
            peer
        });
        let error = guarded.write_all(&[0; 64]).await.unwrap_err();
        // Two seconds until it reads once, and three from there.
        assert_eq!(
            (error.kind(), start.elapsed().as_secs()),
            (io::ErrorKind::TimedOut, 5)
        );
        drop(reader.await.unwrap());
    }
}
