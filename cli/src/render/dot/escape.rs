//! DOT strings from hostile text.
//!
//! DOT knows one lexical escape inside quotes, `\"`, and keeps `\\` as two characters. Labels and tooltips are then read
//! a second time for `\n`, `\N`, `\l` and the like, and for HTML entities; ids are not. An HTML label needs angle brackets
//! *outside* quotes, which are never written.

use crate::text::{printable, push_printable};

/// A node id. Different ids stay different: a backslash of the id is doubled, one of an escape is single.
pub(in crate::render) fn id(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 8);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            other => push_printable(&mut quoted, other),
        }
    }
    quoted.push('"');
    quoted
}

/// A label or tooltip that shows exactly these lines.
pub(in crate::render) fn label<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let escaped: Vec<String> = lines.into_iter().map(label_line).collect();
    format!("\"{}\"", escaped.join("\\n"))
}

fn label_line(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len() + 8);
    for character in printable(line).chars() {
        match character {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '&' => escaped.push_str("&amp;"),
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_backslashes_and_entities_cannot_leave_a_label() {
        assert_eq!(label([r#"a"b\"#]), r#""a\"b\\""#);
        assert_eq!(label(["<b>&lt;"]), r#""<b>&amp;lt;""#);
        assert_eq!(label(["a", "b\n\0"]), r#""a\nb\\n\\u{0}""#);
    }

    proptest! {
        /// Read back as Graphviz reads it, a string ends where it should and holds nothing that moves a cursor.
        #[test]
        fn no_text_leaves_its_quotes(text in any::<String>(), other in any::<String>()) {
            for written in [id(&text), label([text.as_str(), other.as_str()])] {
                let inside = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                let mut is_escaped = false;
                for character in inside.unwrap().chars() {
                    prop_assert!(!character.is_control());
                    prop_assert!(is_escaped || character != '"', "{written}");
                    is_escaped = character == '\\' && !is_escaped;
                }
                prop_assert!(!is_escaped, "{written}");
            }
            prop_assert_eq!(id(&text) == id(&other), text == other);
        }
    }

    #[test]
    fn different_ids_stay_different() {
        assert_eq!(id("a\nb"), r#""a\nb""#);
        assert_eq!(id(r"a\nb"), r#""a\\nb""#);
        assert_eq!(id(r#"a\"; x -> y"#), r#""a\\\"; x -> y""#);
    }
}
