//! Words into lines.

/// Lines of at most `width` characters, broken at spaces; a word longer than a line is broken anywhere. Never empty.
pub(in crate::render) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut room = width;
    for word in text.split(' ') {
        let needed = word.chars().count();
        let is_first = room == width;
        if !is_first && needed + 1 > room {
            lines.push(String::new());
            room = width;
        } else if !is_first {
            push(&mut lines, ' ');
            room -= 1;
        }
        for character in word.chars() {
            if room == 0 {
                lines.push(String::new());
                room = width;
            }
            push(&mut lines, character);
            room -= 1;
        }
    }
    lines
}

fn push(lines: &mut [String], character: char) {
    if let Some(line) = lines.last_mut() {
        line.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_unless_they_cannot() {
        assert_eq!(wrap("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrap("abcdefgh i", 3), ["abc", "def", "gh", "i"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("ab", 0), ["a", "b"]);
    }
}
