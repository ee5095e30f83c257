//! What Kubernetes takes for a name, for all that reads or writes one.

/// RFC 1123: at most 63 small letters, digits and `-`, with a letter or digit at both ends.
pub(crate) fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_part(text)
}

/// Parts as of a label with dots between them, 253 characters in all. Kubernetes bounds the whole, not the parts.
pub(crate) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_part)
}

fn is_part(text: &str) -> bool {
    let is_edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    let inner = |byte: &u8| is_edge(byte) || *byte == b'-';
    bytes.iter().all(inner) && ends.iter().all(|end| end.is_some_and(is_edge))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_kubernetes_takes() {
        let long = "a".repeat(63);
        for name in ["a", "0", "a-b", "a--b", "1a", &long] {
            assert!(is_label(name) && is_subdomain(name), "{name}");
        }
        for name in ["a.b", "a.b-c.0", &format!("{long}a"), &"a".repeat(253)] {
            assert!(!is_label(name) && is_subdomain(name), "{name}");
        }
        for name in [
            "", "-a", "a-", "A", "a_b", "a b", "a..b", ".a", "a.", "a.-b", "\u{e9}",
        ] {
            assert!(!is_label(name) && !is_subdomain(name), "{name}");
        }
        assert!(!is_subdomain(&"a".repeat(254)));
    }
}
