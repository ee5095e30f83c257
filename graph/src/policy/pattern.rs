//! Patterns that name services and other nodes, and whether two of them can mean the same one.

use super::ServicePattern;

/// Pairs of positions that one comparison of two patterns may visit; above it they count as apart.
const MAX_CELLS: usize = 1 << 18;

impl ServicePattern {
    /// Whether a node is meant: by id, by `namespace/name`, or by name.
    #[must_use]
    pub fn matches(&self, id: &str, namespace: &str, name: &str) -> bool {
        let whole = format!("{namespace}/{name}");
        [id, name, &whole]
            .into_iter()
            .any(|text| wildcard(&self.0, text))
    }

    /// Whether it names one node and not a set of them.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether some node can be meant by both, taking for granted that names hold no `/`.
    ///
    /// A pattern is short for several: of an id, of `namespace/name` behind any kind, of a name behind any kind and
    /// namespace. Takes time in the product of the lengths; patterns too long for that count as apart.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        // An id with a suffix is only thought of where one is spelt out.
        let ours = meanings(&self.0, other.is_exact());
        let theirs = meanings(&other.0, self.is_exact());
        ours.iter()
            .any(|one| theirs.iter().any(|two| intersect(one, two)))
    }
}

/// Whether a pattern with `*` for any run of characters fits a whole text. Linear in the product of the lengths.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// One step of a pattern over ids.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    One(char),
    /// Any run of characters.
    Any,
    /// Any run of characters but `/`.
    Segment,
}

impl Step {
    const fn is_run(self) -> bool {
        matches!(self, Self::Any | Self::Segment)
    }

    const fn accepts(self, character: char) -> bool {
        match self {
            Self::One(own) => own == character,
            Self::Any => true,
            Self::Segment => character != '/',
        }
    }
}

/// What an id can begin with: the kinds of nodes, and what only the policy names.
const KINDS: [&str; 12] = [
    "service",
    "external",
    "database",
    "broker",
    "function",
    "genai",
    "objectstore",
    "shared_host",
    "metadata",
    "unidentified",
    "infra",
    "pinned",
];

/// The patterns over ids that a pattern is short for.
fn meanings(pattern: &str, suffixed: bool) -> Vec<Vec<Step>> {
    let mut meanings = Vec::new();
    let literal = pattern.split('*').next().unwrap_or_default();
    let spelt = |kind: &str| {
        let rest = literal.strip_prefix(kind);
        kind.starts_with(literal) || rest.is_some_and(|rest| rest.starts_with('/'))
    };
    if KINDS.iter().any(|kind| spelt(kind)) {
        meanings.push(behind(0, pattern, None));
    }
    let slashes = pattern.matches('/').count();
    // Of several nodes with one name, the ids end in an environment or in where the name comes from.
    let suffixes = [None, Some('@'), Some('~')];
    for suffix in suffixes.into_iter().take(if suffixed { 3 } else { 1 }) {
        if slashes <= 1 {
            meanings.push(behind(1, pattern, suffix));
        }
        if slashes == 0 {
            meanings.push(behind(2, pattern, suffix));
        }
    }
    meanings
}

/// A pattern behind some segments, and with more of its last one after a character.
fn behind(segments: usize, pattern: &str, suffix: Option<char>) -> Vec<Step> {
    let prefix = std::iter::repeat_n([Step::Segment, Step::One('/')], segments);
    let own = pattern.chars().map(|character| match character {
        '*' => Step::Any,
        other => Step::One(other),
    });
    let more = suffix.map(|character| [Step::One(character), Step::Segment]);
    let prefix = prefix.flatten();
    prefix
        .chain(own)
        .chain(more.into_iter().flatten())
        .collect()
}

/// Whether some text fits both.
fn intersect(one: &[Step], two: &[Step]) -> bool {
    if (one.len() + 1).saturating_mul(two.len() + 1) > MAX_CELLS {
        return false;
    }
    // `reached[j]`: some text takes both patterns to their current place.
    let mut reached = vec![false; two.len() + 1];
    reached[0] = true;
    for i in 0..=one.len() {
        if i > 0 {
            reached = advanced(&reached, one[i - 1], two);
        }
        // Runs of the other pattern may stand for nothing, or for what a run of this one stands for.
        for j in 0..two.len() {
            let over_run = two[j].is_run();
            let inside_run = i > 0 && one[i - 1].is_run() && both_accept(one[i - 1], two[j]);
            reached[j + 1] |= reached[j] && (over_run || inside_run);
        }
    }
    reached[two.len()]
}

/// Places in the other pattern after one more step of this one.
fn advanced(reached: &[bool], step: Step, two: &[Step]) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    for (j, _) in reached.iter().enumerate().filter(|(_, reached)| **reached) {
        match step {
            Step::One(character) => {
                if let Some(other) = two.get(j)
                    && other.accepts(character)
                {
                    // A run may go on after this character.
                    next[j + 1] = true;
                    next[j] |= other.is_run();
                }
                // The run just passed over may take the character as well.
                if j > 0 && two[j - 1].is_run() && two[j - 1].accepts(character) {
                    next[j] = true;
                }
            }
            Step::Any | Step::Segment => next[j] = true,
        }
    }
    next
}

/// Whether a run can stand for what a step of the other pattern stands for, or for a part of it.
fn both_accept(run: Step, other: Step) -> bool {
    match other {
        Step::One(character) => run.accepts(character),
        Step::Any | Step::Segment => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_ids_qualified_names_and_names() {
        let fits = |pattern: &str| {
            ServicePattern(pattern.to_owned()).matches("service/shop/cart", "shop", "cart")
        };
        for pattern in [
            "*",
            "cart",
            "shop/cart",
            "service/shop/cart",
            "shop/*",
            "*/cart",
            "c*t",
            "c**t",
        ] {
            assert!(fits(pattern), "{pattern}");
        }
        for pattern in ["", "car", "shop", "cart*x", "shop/", "*x", "t*c"] {
            assert!(!fits(pattern), "{pattern}");
        }
    }

    #[test]
    fn patterns_overlap_when_one_node_can_be_meant_by_both() {
        let overlap = |one: &str, two: &str| {
            let pattern = |text: &str| ServicePattern(text.to_owned());
            let (one, two) = (pattern(one), pattern(two));
            assert_eq!(one.overlaps(&two), two.overlaps(&one), "{one:?} {two:?}");
            one.overlaps(&two)
        };
        for (one, two) in [
            ("cart", "cart"),
            ("cart", "shop/cart"),
            ("cart", "service/shop/cart"),
            ("shop/*", "*/cart"),
            ("shop/*", "cart"),
            ("*", "database/redis@redis:6379"),
            ("c*t", "*ar*"),
            ("a*c", "ab*bc"),
            ("service/*", "shop/cart"),
            ("cart", "service/shop/cart@prod"),
        ] {
            assert!(overlap(one, two), "{one} {two}");
        }
        for (one, two) in [
            ("cart", "art"),
            ("shop/cart", "pay/cart"),
            ("shop/cart", "service/pay/*"),
            ("shop/*", "pay/*"),
            ("c*t", "*x"),
            ("cart", "cart2"),
        ] {
            assert!(!overlap(one, two), "{one} {two}");
        }
    }

    proptest::proptest! {
        /// What fits both is found; and no panic whatever the patterns.
        #[test]
        fn an_overlap_is_never_missed(one in "[ab*/]{0,6}", two in "[ab*/]{0,6}", id in "service/[ab]{0,2}/[ab]{0,2}") {
            let (one, two) = (ServicePattern(one), ServicePattern(two));
            let mut parts = id.splitn(3, '/').skip(1);
            let (namespace, name) = (parts.next().unwrap(), parts.next().unwrap());
            if one.matches(&id, namespace, name) && two.matches(&id, namespace, name) {
                proptest::prop_assert!(one.overlaps(&two), "{one:?} {two:?} {id}");
            }
        }
    }
}
