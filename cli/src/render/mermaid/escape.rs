//! Mermaid labels from hostile text.
//!
//! Inside quotes Mermaid still reads HTML, Markdown between backquotes, icons (`fa:`) and `#name;` entities, and its preprocessor
//! looks for `style ..:..#..;` over whole lines. So everything but letters, digits and a few marks without any meaning is
//! written as a numeric entity, which Mermaid turns into that character and nothing else.

use crate::text::printable;

/// Marks that mean nothing to Mermaid inside quotes.
const PLAIN: &str = " ._/,-";

/// A label that shows exactly these lines.
pub(super) fn quoted<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let lines: Vec<String> = lines.into_iter().map(line).collect();
    format!("\"{}\"", lines.join("<br/>"))
}

fn line(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in printable(text).chars() {
        if character.is_ascii_alphanumeric() || PLAIN.contains(character) {
            escaped.push(character);
        } else {
            escaped.push_str(&format!("#{};", u32::from(character)));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_of_a_name_means_anything_to_mermaid() {
        assert_eq!(quoted(["cart-2", "a.b/c"]), "\"cart-2<br/>a.b/c\"");
        assert_eq!(quoted(["\"] --> x"]), "\"#34;#93; --#62; x\"");
        assert_eq!(quoted(["<b>`#x;\n"]), "\"#60;b#62;#96;#35;x#59;#92;n\"");
        assert_eq!(quoted(["style:a"]), "\"style#58;a\"");
        assert_eq!(quoted(["\u{e9}\u{1f600}"]), "\"#233;#128512;\"");
    }

    proptest! {
        /// Read back as Mermaid reads it, the label is the text, and no other name has it.
        #[test]
        fn labels_read_back_as_what_they_show(text in any::<String>()) {
            let written = quoted([text.as_str()]);
            let inside = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
            prop_assert!(!inside.contains(['"', '<', '`', ':', '\\']));
            let mut shown = String::new();
            let mut parts = inside.split('#');
            shown.push_str(parts.next().unwrap());
            for part in parts {
                let (code, rest) = part.split_once(';').unwrap();
                shown.push(char::from_u32(code.parse().unwrap()).unwrap());
                shown.push_str(rest);
            }
            prop_assert_eq!(shown, printable(&text));
        }
    }
}
