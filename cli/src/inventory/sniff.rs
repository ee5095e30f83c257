//! Tells files that people give instead of JSON.

/// Byte order mark of UTF-8, which some shells put before redirected output.
pub(super) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a file is by its first bytes, in words that follow its name; `None` when it may be JSON.
pub(super) fn other_than_json(start: &[u8]) -> Option<&'static str> {
    let text = start.strip_prefix(UTF8_MARK).unwrap_or(start);
    let text = text.trim_ascii_start();
    let is = |prefix: &[u8]| text.starts_with(prefix);
    match text.first() {
        None => Some("is empty; did `kubectl` fail?"),
        Some(b'{') => None,
        Some(b'[') => Some("is a JSON array, not a list of Kubernetes objects"),
        _ if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") => {
            Some("is UTF-16; write it from a shell that keeps bytes, or convert it to UTF-8")
        }
        _ if is(b"\x1f\x8b") || is(b"\x28\xb5\x2f\xfd") => {
            Some("is compressed; decompress it first")
        }
        _ if is(b"apiVersion:") || is(b"items:") || is(b"kind:") || is(b"---") => {
            Some("is YAML; ask `kubectl` for `-o json`")
        }
        _ if is(b"NAME") => Some("is a table; ask `kubectl` for `-o json`"),
        _ if is(b"No resources found") || is(b"error:") || is(b"Error from server") => {
            Some("is a message of `kubectl`, not its JSON")
        }
        _ => Some("is no JSON"),
    }
}
