//! Ids and times as Zipkin and Jaeger write them: hex digits without leading zeros or of 64-bit tracers, microseconds.

use tracemesh_graph::span::{RejectReason, SpanId, TraceId};

use super::json::scalar::Whole;

/// A trace id of 1 to 32 hex digits; shorter ones are the low half of a 128-bit id.
pub(super) fn trace_id(hex: &str) -> Result<TraceId, RejectReason> {
    match number(hex, 32) {
        Some(id) if id != 0 => Ok(TraceId(id.to_be_bytes())),
        _ => Err(RejectReason::TraceId),
    }
}

/// A span id of 1 to 16 hex digits.
pub(super) fn span_id(hex: &str) -> Result<SpanId, RejectReason> {
    short(hex).flatten().ok_or(RejectReason::SpanId)
}

/// A parent's id; empty or zero is none.
pub(super) fn parent_id(hex: &str) -> Result<Option<SpanId>, RejectReason> {
    if hex.is_empty() {
        return Ok(None);
    }
    short(hex).ok_or(RejectReason::ParentId)
}

/// `None` for what is no id; zero is no span.
fn short(hex: &str) -> Option<Option<SpanId>> {
    let id = u64::try_from(number(hex, 16)?).ok()?;
    Some((id != 0).then_some(SpanId(id.to_be_bytes())))
}

fn number(hex: &str, max_digits: usize) -> Option<u128> {
    // A sign would be taken as well.
    let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_id = !hex.is_empty() && hex.len() <= max_digits && is_hex;
    is_id.then(|| u128::from_str_radix(hex, 16).ok()).flatten()
}

/// Start and end in nanoseconds, from a start and a duration in microseconds. What lies beyond the range ends there.
pub(super) fn times_ns(start_us: Whole, duration_us: Whole) -> Result<(u64, u64), RejectReason> {
    let whole = |time: Whole| time.get::<u64>().ok_or(RejectReason::Malformed);
    let (start, duration) = (whole(start_us)?, whole(duration_us)?);
    let start_ns = start.saturating_mul(1_000);
    Ok((
        start_ns,
        start_ns.saturating_add(duration.saturating_mul(1_000)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_may_be_short_and_of_either_case() {
        assert_eq!(trace_id("aB").unwrap().as_u128(), 0xab);
        let long = "463ac35c9f6413ad48485a3953bb6124";
        assert_eq!(trace_id(long).unwrap().low(), 0x4848_5a39_53bb_6124);
        assert_eq!(span_id("0f").unwrap().as_u64(), 15);
        assert_eq!(parent_id("").unwrap(), None);
        assert_eq!(parent_id("0000").unwrap(), None);
    }

    #[test]
    fn what_is_no_id_is_none() {
        for bad in ["", "0", "+1", "-1", "g", "0x1", " 1", &"1".repeat(33)] {
            assert_eq!(trace_id(bad), Err(RejectReason::TraceId), "{bad}");
            assert_eq!(span_id(bad), Err(RejectReason::SpanId), "{bad}");
        }
        assert_eq!(span_id(&"1".repeat(17)), Err(RejectReason::SpanId));
        assert_eq!(parent_id("x"), Err(RejectReason::ParentId));
    }

    #[test]
    fn times_end_at_the_end_of_the_range() {
        assert_eq!(times_ns(Whole(1), Whole(2)), Ok((1_000, 3_000)));
        let most = Whole(i128::from(u64::MAX));
        assert_eq!(times_ns(most, most), Ok((u64::MAX, u64::MAX)));
        assert!(times_ns(Whole(-1), Whole(0)).is_err());
        assert!(times_ns(Whole(0), Whole(-1)).is_err());
    }
}
