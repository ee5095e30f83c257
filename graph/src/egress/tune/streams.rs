//! Which calls last by nature: a timeout, however long, would cut them.
//!
//! Few spans say that a call streams: by their messages, or by captured headers. What all show is time: a success of a
//! minute is a stream, a long poll or a job. Names of methods add those streams that happened to be short. A stream that is
//! none of these is missed; the timeout is then at least half again as long as the longest that was seen.

use crate::hazards::shows_streams;
use crate::snapshot::{Edge, Exposed};

/// A call that lasts so long waits for something, rather than being slow.
const LASTING_MS: f64 = 60_000.0;

/// A tail of so long calls is no tail: three times p99.9 would be a minute.
const LASTING_P999_MS: f64 = 20_000.0;

/// Words of method names that promise a stream.
const WORDS: [&str; 7] = [
    "watch",
    "subscribe",
    "stream",
    "streaming",
    "listen",
    "tail",
    "follow",
];

/// Why calls of this edge get no timeout, if so.
pub(super) fn why_lasting(edge: &Edge, slowest_ok_ms: f64, p999_ms: f64) -> Option<&'static str> {
    if slowest_ok_ms >= LASTING_MS || p999_ms >= LASTING_P999_MS {
        return Some(
            "calls of a minute or nearly: streams, long polls or jobs, which a timeout would cut",
        );
    }
    if shows_streams(&edge.facts.hazards) {
        return Some("calls that stream, as their messages or headers show");
    }
    let mut protocols = edge.protocols.keys();
    if protocols.any(|protocol| matches!(protocol.as_str(), "ws" | "wss" | "websocket")) {
        return Some("WebSockets last as long as their users");
    }
    let mut methods = edge.facts.methods.keys();
    if methods.any(|method| names_stream(method)) {
        return Some("a method is named like a stream, which a timeout would cut");
    }
    None
}

/// Whether inbound calls last: load shedding judges by latency, and theirs is no load.
pub(super) fn inbound_lasts(max_ms: f64, exposed: &Exposed) -> bool {
    max_ms >= LASTING_MS || shows_streams(exposed)
}

/// Looks at the words of `package.Service/MethodName`, after the slash; HTTP methods have none.
fn names_stream(method: &str) -> bool {
    let Some((_, name)) = method.rsplit_once('/') else {
        return false;
    };
    words(name)
        .iter()
        .any(|word| WORDS.contains(&word.as_str()))
}

/// `WatchCart` and `watch_cart` are two words each.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        let begins = letter.is_uppercase() || !letter.is_alphanumeric();
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hazards::Sign;
    use crate::snapshot::testing::edge;

    #[test]
    fn calls_whose_spans_show_a_stream_last() {
        let mut streaming = edge("service/a", "service/b", 1);
        for (sign, lasts) in [(Sign::Long, false), (Sign::Stream, true)] {
            let exposure = streaming.facts.hazards.entry(sign.hazard());
            exposure.or_default().signs.insert(sign, 1);
            assert_eq!(why_lasting(&streaming, 1.0, 1.0).is_some(), lasts);
        }
    }

    #[test]
    fn long_calls_and_methods_named_like_streams_last() {
        let plain = edge("service/a", "service/b", 1);
        assert_eq!(why_lasting(&plain, 59_000.0, 19_000.0), None);
        assert!(why_lasting(&plain, 60_000.0, 10.0).is_some());
        assert!(why_lasting(&plain, 30_000.0, 20_000.0).is_some());
        let mut streaming = plain.clone();
        let exposure = crate::snapshot::Exposure {
            spans: 1,
            signs: [(Sign::Stream, 1)].into(),
            exemplars: Vec::new(),
        };
        let hazards = &mut streaming.facts.hazards;
        hazards.insert(Sign::Stream.hazard(), exposure);
        assert!(why_lasting(&streaming, 1.0, 1.0).is_some());
        assert!(inbound_lasts(1.0, &streaming.facts.hazards));
        assert!(!inbound_lasts(1.0, &plain.facts.hazards));
        for name in [
            "grpc.health.v1.Health/Watch",
            "shop.Cart/StreamItems",
            "a/tail_logs",
            "a/eventStream",
        ] {
            let mut named = plain.clone();
            named.facts.methods.insert(name.to_owned(), 1);
            assert!(why_lasting(&named, 1.0, 1.0).is_some(), "{name}");
        }
        for name in [
            "shop.Streams/List",
            "shop.Cart/GetWatchlist",
            "GET",
            "a/Detail",
            "a/",
            "",
        ] {
            assert!(!names_stream(name), "{name}");
        }
    }
}
