//! Lines and texts of RFC 5545, sections 3.1 and 3.3.11.

/// Octets of a line without its end.
const OCTETS: usize = 75;

/// Appends a content line, folded between characters.
pub(super) fn push(file: &mut String, line: &str) {
    let mut octets = 0;
    for character in line.chars() {
        if octets + character.len_utf8() > OCTETS {
            // The space that marks the rest counts.
            file.push_str("\r\n ");
            octets = 1;
        }
        file.push(character);
        octets += character.len_utf8();
    }
    file.push_str("\r\n");
}

/// A text value; line ends become `\n`, other control characters spaces.
pub(super) fn text(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() + 8);
    for character in value.chars() {
        match character {
            '\\' | ';' | ',' => escaped.extend(['\\', character]),
            '\n' => escaped.push_str("\\n"),
            control if control.is_control() => escaped.push(' '),
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unfolded(file: &str) -> String {
        file.replace("\r\n ", "")
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(text("a,b;c\\d\ne\rf"), "a\\,b\\;c\\\\d\\ne f");
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_line(value in any::<String>()) {
            let line = format!("SUMMARY:{}", text(&value));
            let mut file = String::new();
            push(&mut file, &line);
            prop_assert_eq!(unfolded(&file), format!("{line}\r\n"));
            for folded in file.split_terminator("\r\n") {
                prop_assert!(folded.len() <= 75 && !folded.chars().any(char::is_control));
            }
        }
    }
}
