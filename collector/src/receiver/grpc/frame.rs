//! The one message of a unary gRPC request: a flag, a length, and as many bytes.

use axum::body::{Body, Bytes};

use crate::receiver::body::{self, Arrived, Held};
use crate::receiver::budget::Share;
use crate::receiver::refusal::Refusal;

/// What stands before a message on the wire.
const HEADER_BYTES: usize = 5;

/// A message as sent.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) is_compressed: bool,
    pub(super) body: Held,
}

/// Reads the message of a request. One that announces more than `max_bytes` is refused before its bytes come.
pub(super) async fn read(body: Body, max_bytes: usize, share: Share) -> Result<Message, Refusal> {
    let judge = |arrived: &Arrived| {
        let Some(header) = arrived.head::<HEADER_BYTES>() else {
            return Ok(());
        };
        let (_is_compressed, length) = parse(header)?;
        if length > max_bytes {
            return Err(Refusal::TooLarge(max_bytes));
        }
        if arrived.length() - HEADER_BYTES > length {
            return Err(Refusal::Framing("it has more than one message"));
        }
        Ok(())
    };
    let Held { mut bytes, share } = body::read(body, share, judge).await?;
    let header = split_header(&mut bytes)?;
    let (is_compressed, length) = parse(header)?;
    if bytes.len() < length {
        return Err(Refusal::Framing("it ends before its announced length"));
    }
    Ok(Message {
        is_compressed,
        body: Held { bytes, share },
    })
}

fn split_header(bytes: &mut Bytes) -> Result<[u8; HEADER_BYTES], Refusal> {
    let Some(header) = bytes.first_chunk().copied() else {
        return Err(Refusal::Framing("the request has no message"));
    };
    drop(bytes.split_to(HEADER_BYTES));
    Ok(header)
}

fn parse(header: [u8; HEADER_BYTES]) -> Result<(bool, usize), Refusal> {
    let [flag, length @ ..] = header;
    let is_compressed = match flag {
        0 => false,
        1 => true,
        _ => return Err(Refusal::Framing("its first byte is neither 0 nor 1")),
    };
    // More than memory can address is more than any bound.
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    Ok((is_compressed, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::budget::Budget;

    async fn message(bytes: &[u8]) -> Result<(bool, Vec<u8>), String> {
        let share = Budget::new(10_000).share();
        let body = Body::from(bytes.to_vec());
        read(body, 100, share)
            .await
            .map(|message| (message.is_compressed, message.body.bytes.to_vec()))
            .map_err(|refusal| refusal.reason().to_owned())
    }

    #[tokio::test]
    async fn one_message_is_taken_and_other_framings_are_named() {
        assert_eq!(message(b"\0\0\0\0\0").await, Ok((false, Vec::new())));
        assert_eq!(
            message(b"\x01\0\0\0\x02ab").await,
            Ok((true, b"ab".to_vec()))
        );
        for bad in [
            &b""[..],
            b"\0\0\0\0",
            b"\x02\0\0\0\0",
            b"\0\0\0\0\x03ab",
            b"\0\0\0\0\x01ab",
            b"\0\0\0\0\0\0\0\0\0\0",
        ] {
            assert_eq!(message(bad).await, Err("framing".to_owned()), "{bad:?}");
        }
        assert_eq!(message(b"\0\0\0\0\x65").await, Err("too_large".to_owned()));
        let giant = message(b"\0\xff\xff\xff\xff").await;
        assert_eq!(giant, Err("too_large".to_owned()));
    }
}
