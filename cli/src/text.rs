//! Hostile text made safe to show, and numbers made readable.
//!
//! Place in the flow: every renderer for people and every message passes names from spans, files and arguments
//! through here. It refuses to guess what a reader's terminal does with control or direction characters.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every character that could move a cursor, hide or reorder other text written as `\u{..}`.
///
/// Backslashes stay as they are: the result is for eyes, not for parsing back.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        push_printable(&mut shown, character);
    }
    Cow::Owned(shown)
}

/// Appends one character as [`printable`] shows it.
pub fn push_printable(shown: &mut String, character: char) {
    match character {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        unsafe_one if is_unsafe(unsafe_one) => {
            write!(shown, "\\u{{{:x}}}", u32::from(unsafe_one))
                .expect("writing to a string cannot fail");
        }
        plain => shown.push(plain),
    }
}

/// Control, zero-width, direction and line separator characters, and the tag and private-use planes.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            u32::from(character),
            0xad | 0x61c
                | 0x180e
                | 0x200b..=0x200f
                | 0x2028..=0x202e
                | 0x2060..=0x206f
                | 0xfe00..=0xfe0f
                | 0xfeff
                | 0xfff0..=0xfffb
                | 0xe0000..=0x10_ffff
        )
}

/// Printable text of at most `width` characters; the middle of longer text becomes `..`, because the ends of
/// host names and paths tell them apart.
#[must_use]
pub fn clip(text: &str, width: usize) -> String {
    let shown = printable(text);
    let length = shown.chars().count();
    if length <= width {
        return shown.into_owned();
    }
    let kept = width.saturating_sub(2);
    let tail = kept / 2;
    let head = kept - tail;
    let mut clipped: String = shown.chars().take(head).collect();
    clipped.push_str("..");
    clipped.extend(shown.chars().skip(length - tail));
    clipped
}

/// A count with commas between thousands: `1,234,567`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count in at most five characters: `999`, `1.2k`, `15k`, `3.4M`. Cut, never rounded up.
#[must_use]
pub fn short(number: u64) -> String {
    const UNITS: [(u64, char); 4] = [
        (1_000_000_000_000, 'T'),
        (1_000_000_000, 'G'),
        (1_000_000, 'M'),
        (1_000, 'k'),
    ];
    for (unit, letter) in UNITS {
        if number >= unit {
            let whole = number / unit;
            let tenth = number % unit / (unit / 10);
            return if whole >= 10 || tenth == 0 {
                format!("{whole}{letter}")
            } else {
                format!("{whole}.{tenth}{letter}")
            };
        }
    }
    number.to_string()
}

/// `part` of `whole` in percent with one decimal, `0.0` when there is no whole.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    let permille = permille(part, whole);
    format!("{}.{}", permille / 10, permille % 10)
}

/// `part` of `whole` in thousandths, cut; 0 when there is no whole.
#[must_use]
pub fn permille(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    u64::try_from(u128::from(part) * 1000 / u128::from(whole)).unwrap_or(u64::MAX)
}

/// `one` or `many` after a count: `1 edge`, `2 edges`.
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        thousands(number),
        if number == 1 { one } else { many }
    )
}

/// A word for a POSIX shell, quoted only when it must be; `None` when the text cannot be shown and pasted.
#[must_use]
pub fn shell_word(text: &str) -> Option<String> {
    if matches!(printable(text), Cow::Owned(_)) {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Some(text.to_owned());
    }
    Some(format!("'{}'", text.replace('\'', r"'\''")))
}

/// A host as it stands before a port: one with colons of its own, which is an IPv6 address, in brackets.
#[must_use]
pub fn bracketed(host: &str) -> Cow<'_, str> {
    if host.contains(':') {
        Cow::Owned(format!("[{host}]"))
    } else {
        Cow::Borrowed(host)
    }
}

/// Milliseconds of a unit of time, as in `500ms`, `60s`, `5m` and `1h`.
#[must_use]
pub fn unit_ms(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    }
}

/// Lengths of lists as counts.
#[must_use]
pub fn count_of(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_with_colons_get_brackets() {
        assert_eq!(bracketed("fd00::1"), "[fd00::1]");
        assert_eq!(bracketed("10.0.0.1"), "10.0.0.1");
        assert_eq!(bracketed(""), "");
    }

    #[test]
    fn control_and_direction_characters_become_visible() {
        assert_eq!(printable("cart"), "cart");
        assert_eq!(
            printable("a\u{1b}[31m\n\u{202e}b\u{200b}"),
            "a\\u{1b}[31m\\n\\u{202e}b\\u{200b}"
        );
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(clip("abcdef", 6), "abcdef");
        assert_eq!(clip("abcdefghij", 7), "abc..ij");
        assert_eq!(clip("abc", 1).chars().count(), 2);
    }

    #[test]
    fn numbers_are_grouped_and_shortened_downwards() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(short(999), "999");
        assert_eq!(short(1_999), "1.9k");
        assert_eq!(short(15_999), "15k");
        assert_eq!(short(u64::MAX), "18446744T");
        assert_eq!(percent(1, 3), "33.3");
        assert_eq!(percent(1, 0), "0.0");
    }

    #[test]
    fn shell_words_survive_a_shell_or_are_refused() {
        assert_eq!(
            shell_word("service/shop/cart").as_deref(),
            Some("service/shop/cart")
        );
        assert_eq!(shell_word("a'; rm x").as_deref(), Some(r"'a'\''; rm x'"));
        assert_eq!(shell_word("a\nb"), None);
    }
}
