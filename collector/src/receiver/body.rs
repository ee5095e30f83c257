//! Reads the body of a request into memory, within its bounds.
//!
//! Place in the flow: connection -> here -> `Intake::accept`. The pieces of a body are kept as they come and joined once: a
//! body of one piece is never copied.

use axum::body::{Bytes, HttpBody};
use http_body_util::BodyExt;

use super::budget::Share;
use super::refusal::Refusal;

/// What a piece costs beside its bytes: its handle here, and its frame in the buffer that it shares. It makes a body of
/// many tiny pieces as dear as it is.
const PIECE_OVERHEAD_BYTES: usize = 64;

/// A body in memory, with its share of the bytes in flight.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    pub(crate) share: Share,
}

/// The part of a body that has arrived.
#[derive(Debug)]
pub(super) struct Arrived {
    pieces: Vec<Bytes>,
    length: usize,
}

impl Arrived {
    /// Bytes so far.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// The first bytes, if as many are here.
    pub(super) fn head<const N: usize>(&self) -> Option<[u8; N]> {
        let mut bytes = self.pieces.iter().flatten();
        let mut head = [0; N];
        for byte in &mut head {
            *byte = *bytes.next()?;
        }
        Some(head)
    }

    fn join(mut self) -> Bytes {
        if self.pieces.len() <= 1 {
            return self.pieces.pop().unwrap_or_default();
        }
        let mut whole = Vec::with_capacity(self.length);
        for piece in &self.pieces {
            whole.extend_from_slice(piece);
        }
        Bytes::from(whole)
    }
}

/// Reads to the end. `judge` looks at what has arrived after every piece and may end the reading.
pub(super) async fn read(
    mut body: impl HttpBody<Data = Bytes> + Unpin,
    mut share: Share,
    judge: impl Fn(&Arrived) -> Result<(), Refusal>,
) -> Result<Held, Refusal> {
    let mut arrived = Arrived {
        pieces: Vec::new(),
        length: 0,
    };
    while let Some(frame) = body.frame().await {
        // Whatever broke, the rest of the request is not coming.
        let frame = frame.map_err(|_error| Refusal::Cut)?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        if piece.is_empty() {
            continue;
        }
        share.grow(piece.len().saturating_add(PIECE_OVERHEAD_BYTES))?;
        arrived.length = arrived.length.saturating_add(piece.len());
        arrived.pieces.push(piece);
        judge(&arrived)?;
    }
    let pieces = arrived.pieces.len();
    if pieces < 2 {
        let bytes = arrived.join();
        return Ok(Held { bytes, share });
    }
    // The copy exists beside the pieces for a moment.
    let length = arrived.length;
    share.grow(length)?;
    let bytes = arrived.join();
    share.shrink(length.saturating_add(pieces.saturating_mul(PIECE_OVERHEAD_BYTES)));
    Ok(Held { bytes, share })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::receiver::budget::Budget;

    fn pieces(pieces: &[&'static [u8]]) -> Body {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece)))
            .collect();
        Body::from_stream(tokio_stream(pieces))
    }

    fn tokio_stream<T: Unpin>(
        items: Vec<T>,
    ) -> impl tonic::codegen::tokio_stream::Stream<Item = T> {
        tonic::codegen::tokio_stream::iter(items)
    }

    #[tokio::test]
    async fn pieces_are_joined_and_their_bytes_held_until_the_body_is_dropped() {
        let budget = Budget::new(10_000);
        let body = pieces(&[b"ab", b"", b"cde"]);
        let held = read(body, budget.share(), |_| Ok(())).await.unwrap();
        assert_eq!(&held.bytes[..], b"abcde");
        assert_eq!(budget.free(), 10_000 - 5);
        drop(held);
        assert_eq!(budget.free(), 10_000);
    }

    #[tokio::test]
    async fn the_head_is_seen_across_pieces_and_reading_ends_when_it_is_judged_bad() {
        let budget = Budget::new(10_000);
        let body = pieces(&[b"a", b"b", b"c", b"d"]);
        let judge = |arrived: &Arrived| match arrived.head::<3>() {
            None => Ok(()),
            Some(head) => {
                assert_eq!((&head, arrived.length()), (b"abc", 3));
                Err(Refusal::Corrupt)
            }
        };
        let refusal = read(body, budget.share(), judge).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Corrupt));
        assert_eq!(budget.free(), 10_000);
    }

    #[tokio::test]
    async fn a_body_of_tiny_pieces_is_charged_for_its_pieces() {
        let budget = Budget::new(1_000);
        let body = pieces(&[&b"x"[..]; 100]);
        let refusal = read(body, budget.share(), |_| Ok(())).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Busy));
    }
}
