//! Text that is safe to print: names are hostile, terminals and Markdown readers are trusting.

use std::fmt::Write;

/// `text` with everything invisible or reordering written out as `\u{..}`: control characters (so no terminal escapes and no line
/// breaks), separators, direction marks, zero-width characters.
pub(in crate::render) fn visible(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        if is_invisible(character) {
            let code = u32::from(character);
            write!(result, "\\u{{{code:x}}}").expect("writing to a string does not fail");
        } else {
            result.push(character);
        }
    }
    result
}

fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Columns that a character takes on a terminal: two for the wide scripts and pictographs, else one. Combining marks count one,
/// so that a name stacked with thousands of them is still cut.
fn columns_of(character: char) -> usize {
    match character {
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Columns that a text takes on a terminal.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// `text` in exactly `width` columns: padded on the right, or cut with `..`.
pub(super) fn left(text: &str, width: usize) -> String {
    let mut result = cut(text, width);
    let missing = width.saturating_sub(columns(&result));
    result.extend(std::iter::repeat_n(' ', missing));
    result
}

/// `text` in exactly `width` columns: padded on the right, or with `..` in its middle, because the ends of names tell them apart.
pub(super) fn clipped(text: &str, width: usize) -> String {
    let all = columns(text);
    if all <= width || width < 6 {
        return left(text, width);
    }
    let tail_room = (width - 2) / 2;
    let mut tail = String::new();
    for character in text.chars().rev() {
        if columns(&tail) + columns_of(character) > tail_room {
            break;
        }
        tail.insert(0, character);
    }
    let mut head = cut(text, width - columns(&tail));
    head.push_str(&tail);
    left(&head, width)
}

/// `text` in at most `width` columns, cut with `..`.
pub(super) fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut result = String::new();
    let mut used = 0;
    for character in text.chars() {
        used += columns_of(character);
        if used + 2 > width {
            break;
        }
        result.push(character);
    }
    result.push_str(if width < 2 { "" } else { ".." });
    result
}

/// `text` broken at spaces into lines of at most `width` columns; lines after the first are indented by two. A word that is longer
/// than a line is broken too.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let fits = columns(&line) + 1 + columns(word) <= width;
        if !line.trim_start().is_empty() {
            if fits {
                line.push(' ');
            } else {
                lines.push(std::mem::replace(&mut line, "  ".to_owned()));
            }
        }
        for character in word.chars() {
            if columns(&line) + columns_of(character) > width.max(8) {
                lines.push(std::mem::replace(&mut line, "  ".to_owned()));
            }
            line.push(character);
        }
    }
    lines.push(line);
    lines.join("\n")
}

/// `text` for Markdown: visible, and without any meaning to Markdown, HTML, or automatic links.
pub(in crate::render) fn markdown(text: &str) -> String {
    let text = visible(text);
    let has_link = text.to_ascii_lowercase().contains("www.");
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => result.push_str("&amp;"),
            '<' => result.push_str("&lt;"),
            '>' => result.push_str("&gt;"),
            // Only some punctuation means something inside a line; the rest stays readable in the raw file.
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '{' | '}' | '#' | '+' | '!' | '|'
            | '~' | '$' | '@' | ':' | '=' => {
                result.push('\\');
                result.push(character);
            }
            '.' if has_link => result.push_str("\\."),
            _ => result.push(character),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_command_the_terminal() {
        let shown = visible("a\u{1b}[31m\n\u{202e}b\u{0}");
        assert_eq!(shown, "a\\u{1b}[31m\\u{a}\\u{202e}b\\u{0}");
    }

    #[test]
    fn cells_have_exact_widths() {
        assert_eq!(left("cart", 6), "cart  ");
        assert_eq!(left("productcatalog", 8), "produc..");
        assert_eq!(columns(&left("\u{6f22}\u{5b57}\u{6f22}\u{5b57}", 7)), 7);
        assert_eq!(left("abc", 1), " ");
        assert_eq!(left("", 2), "  ");
    }

    #[test]
    fn names_keep_both_ends() {
        assert_eq!(clipped("checkout-checkout-0001", 12), "check..-0001");
        assert_eq!(clipped("cart", 6), "cart  ");
        assert_eq!(clipped("productcatalog", 5), "pro..");
        assert_eq!(columns(&clipped(&"\u{6f22}".repeat(9), 9)), 9);
    }

    #[test]
    fn long_text_is_broken_at_spaces() {
        assert_eq!(wrapped("one two three", 8), "one two\n  three");
        assert_eq!(wrapped("", 8), "");
        assert_eq!(wrapped("abcdefghijkl", 8), "abcdefgh\n  ijkl");
    }

    #[test]
    fn names_mean_nothing_to_markdown() {
        let shown = markdown("<b>[x](http://e) | `*_ www.e.com");
        assert_eq!(
            shown,
            "&lt;b&gt;\\[x\\]\\(http\\://e\\) \\| \\`\\*\\_ www\\.e\\.com"
        );
    }
}
