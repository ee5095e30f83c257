//! Small text helpers that keep hostile names bounded, and hashes stable across processes.

/// Cuts text to at most `max_chars` characters. A cut text ends in `~` and a hash of the whole, so that two long
/// names with one prefix stay two names.
#[must_use]
pub fn clip(text: &str, max_chars: usize) -> String {
    if text.len() <= max_chars || text.chars().count() <= max_chars {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max_chars.saturating_sub(17)).collect();
    format!("{kept}~{:016x}", stable_hash(&[text]))
}

/// 64-bit FNV-1a over length-prefixed parts: the same in every process and version.
/// Not for hash tables that an attacker can fill.
#[must_use]
pub fn stable_hash(parts: &[&str]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = parts.iter().flat_map(|part| {
        let length = part.len() as u64;
        length
            .to_le_bytes()
            .into_iter()
            .chain(part.as_bytes().iter().copied())
    });
    bytes.fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipped_names_with_one_prefix_stay_apart() {
        let one = clip(&format!("{}1", "a".repeat(300)), 200);
        let two = clip(&format!("{}2", "a".repeat(300)), 200);
        assert_eq!(one.chars().count(), 200);
        assert_ne!(one, two);
        assert_eq!(clip("short", 200), "short");
    }

    #[test]
    fn parts_are_told_apart_from_their_concatenation() {
        assert_ne!(stable_hash(&["ab", "c"]), stable_hash(&["a", "bc"]));
    }
}
