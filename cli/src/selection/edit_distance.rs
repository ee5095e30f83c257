//! How far apart two names are, for hints on names that were mistyped.

/// Characters compared of either text: names from spans may be of any length.
const MAX_CHARS: usize = 64;

/// Insertions, removals, replacements and swaps of neighbours that lead from one text to the other (optimal string
/// alignment). Looks at the first 64 characters; time is the product of the lengths.
pub(super) fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(MAX_CHARS).collect();
    let b: Vec<char> = b.chars().take(MAX_CHARS).collect();
    // Rows of the table for one character less and two less of `a`.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for row in 1..=a.len() {
        let mut next = vec![row];
        for column in 1..=b.len() {
            let is_same = a[row - 1] == b[column - 1];
            let mut least = (last[column - 1] + usize::from(!is_same))
                .min(last[column] + 1)
                .min(next[column - 1] + 1);
            let is_swapped =
                row > 1 && column > 1 && a[row - 1] == b[column - 2] && a[row - 2] == b[column - 1];
            if is_swapped {
                least = least.min(before[column - 2] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut last, next);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted_in_characters() {
        for (a, b, slips) in [
            ("", "", 0),
            ("cart", "cart", 0),
            ("", "cart", 4),
            ("wbe", "web", 1),
            ("crat", "cart", 1),
            ("chekout", "checkout", 1),
            ("kitten", "sitting", 3),
            ("\u{e4}b", "ab", 1),
        ] {
            assert_eq!(edit_distance(a, b), slips, "{a} {b}");
            assert_eq!(edit_distance(b, a), slips, "{b} {a}");
        }
    }

    #[test]
    fn endless_names_are_compared_by_their_beginning() {
        assert_eq!(edit_distance(&"a".repeat(1_000_000), "a"), 63);
    }
}
