//! The first words of a dialled path, by which services behind one host are told apart (inference rule 1.5.2).
//!
//! Never part of a peer, a node or an egress target. Only segments that look like words are read: an id in the first
//! place would make every request a word of its own. Words are capped per host, and refused ones are counted.

use std::collections::HashMap;

use super::Marks;
use super::bytes::Seeded;
use crate::attribute::{AttributeSet, Key, KeySet};
use crate::names::{Names, PeerId, WordId};
use crate::peer::split_scheme;

/// Segments that say nothing about who answers are joined with what follows, up to so many in all.
const MAX_SEGMENTS: usize = 3;

/// Longest segment that can be a word.
const MAX_CHARS: usize = 40;

/// The words of an outgoing span: `orders` of `/orders/7`, `api/v1/orders` of `/api/v1/orders/7`.
pub(super) fn of_attributes<'a>(attributes: &AttributeSet<'a>) -> Option<&'a str> {
    const SOURCES: [Key; 5] = [
        Key::UrlTemplate,
        Key::UrlFull,
        Key::HttpUrl,
        Key::HttpTarget,
        Key::UrlPath,
    ];
    if !attributes.has_any(KeySet::of(&SOURCES)) {
        return None;
    }
    words(path(attributes.first_text(&SOURCES)?)?)
}

/// The part behind the authority, with query and fragment. By bytes, as searchers of the standard library are made for
/// longer texts.
fn path(text: &str) -> Option<&str> {
    let usual = text.strip_prefix("http://");
    let Some(rest) = usual.or_else(|| split_scheme(text).map(|(_, rest)| rest)) else {
        return text.strip_prefix('/');
    };
    let slash = rest.bytes().position(|byte| byte == b'/')?;
    rest.get(slash + 1..)
}

/// The longest start of the path that is generic words and one more.
fn words(path: &str) -> Option<&str> {
    let path = path.trim_start_matches('/');
    let (mut end, mut rest) = (0, path.as_bytes());
    for _ in 0..MAX_SEGMENTS {
        let is_behind = |byte: &u8| matches!(byte, b'/' | b'?' | b'#');
        let length = rest.iter().position(is_behind).unwrap_or(rest.len());
        let (segment, behind) = rest.split_at(length);
        if !is_word(segment) {
            break;
        }
        end = path.len() - behind.len();
        match behind {
            [b'/', more @ ..] if is_generic(segment) => rest = more,
            _ => break,
        }
    }
    path.get(..end).filter(|words| !words.is_empty())
}

/// Letters, with few digits between them: no number, no hash, no token, no placeholder.
fn is_word(bytes: &[u8]) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if bytes.len() > MAX_CHARS || !bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    let (mut digits, mut is_hex) = (0, bytes.len() >= 8);
    for byte in bytes {
        if !is_allowed(*byte) {
            return false;
        }
        digits += u8::from(byte.is_ascii_digit());
        is_hex &= byte.is_ascii_hexdigit() || *byte == b'-';
    }
    digits <= 3 && !is_hex
}

/// Prefixes that most paths of a host share.
const fn is_generic(segment: &[u8]) -> bool {
    matches!(
        segment,
        [b'v' | b'V', b'0'..=b'9', ..] | b"api" | b"apis" | b"rest"
    )
}

/// Ids of words by peer: a look-up of a known word allocates nothing and takes no lock.
#[derive(Debug, Default)]
pub(super) struct WordCache {
    peers: HashMap<PeerId, PeerWords, Seeded>,
    len: usize,
}

#[derive(Debug, Default)]
struct PeerWords {
    ids: HashMap<Box<str>, WordId, Seeded>,
    /// No further word will be granted; those that were are all here.
    is_full: bool,
}

impl WordCache {
    /// The id of a word; marks the span when the host has its share of words.
    pub(super) fn id(
        &mut self,
        names: &Names,
        peer: PeerId,
        word: &str,
        marks: &mut Marks,
    ) -> WordId {
        if self.len >= super::CACHE_ENTRIES {
            *self = Self::default();
        }
        let words = self.peers.entry(peer).or_default();
        if let Some(id) = words.ids.get(word) {
            return *id;
        }
        if !words.is_full {
            let host = host_of(names, peer);
            if let Some(id) = names.word(&host, word) {
                words.ids.insert(Box::from(word), id);
                self.len += 1;
                return id;
            }
            words.ids.extend(names.words_of_host(&host));
            words.is_full = true;
            self.len += words.ids.len();
        }
        marks.set(Marks::WORD_REFUSED, true);
        WordId::FIRST
    }
}

fn host_of(names: &Names, peer: PeerId) -> String {
    let tables = names.read();
    let address = tables.peer(peer).best_address();
    address
        .map(|address| address.host.clone())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Value;
    use crate::peer::Peer;
    use crate::resolve::policy::MAX_WORDS_PER_HOST;
    use crate::span::SpanKind;

    fn word(key: Key, text: &str) -> Option<&str> {
        let mut set = AttributeSet::default();
        set.insert(key, Value::Text(text));
        of_attributes(&set)
    }

    #[test]
    fn the_first_words_are_read_from_every_spelling() {
        for (key, text, expected) in [
            (Key::UrlFull, "http://api/orders", "orders"),
            (Key::HttpUrl, "https://u:p@api:8/orders/17?x=/y#z", "orders"),
            (Key::HttpTarget, "/orders?page=1", "orders"),
            (Key::UrlPath, "//users//x", "users"),
            (Key::UrlTemplate, "/users/{id}", "users"),
            (Key::UrlFull, "http://api/api/v1/orders/17", "api/v1/orders"),
            (Key::UrlPath, "/v2/17", "v2"),
            (Key::UrlPath, "/oauth2/token", "oauth2"),
        ] {
            assert_eq!(word(key, text), Some(expected), "{text}");
        }
    }

    #[test]
    fn ids_hashes_and_placeholders_are_no_words() {
        for text in [
            "/",
            "",
            "http://api",
            "http://api/",
            "orders",
            "/17",
            "/deadbeefcafe",
            "/a8098c1a-f86e-11da-bd1a-00112444be1e",
            "/order-20261121",
            "/{tenant}/x",
            "/:tenant",
            "/..",
            "/a%2fb",
            "/\u{e9}t\u{e9}",
            "/a\nb",
        ] {
            assert_eq!(word(Key::UrlPath, text), None, "{text:?}");
            assert_eq!(word(Key::UrlFull, text), None, "{text:?}");
        }
        let long = format!("/{}", "x".repeat(41));
        assert_eq!(word(Key::UrlPath, &long), None);
    }

    #[test]
    fn a_host_has_its_share_of_words_and_the_rest_is_refused_and_marked() {
        let names = Names::default();
        let mut set = AttributeSet::default();
        set.insert(Key::UrlFull, Value::Text("http://api/x"));
        let peer = names
            .peer(Peer::of_span(SpanKind::Client, &set, 200))
            .unwrap();
        let (mut one, mut other) = (WordCache::default(), WordCache::default());
        let mut marks = Marks::default();
        let first = one.id(&names, peer, "first", &mut marks);
        for number in 1..MAX_WORDS_PER_HOST {
            let word = format!("w{number}");
            assert_ne!(one.id(&names, peer, &word, &mut marks), WordId::FIRST);
        }
        assert!(!marks.has(Marks::WORD_REFUSED));
        assert_eq!(other.id(&names, peer, "more", &mut marks), WordId::FIRST);
        assert!(marks.has(Marks::WORD_REFUSED));
        assert_eq!(other.id(&names, peer, "first", &mut marks), first);
        assert_eq!(names.read().word(first), "first");
    }
}
