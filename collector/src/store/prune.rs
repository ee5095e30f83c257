//! Which manifests a reader of a window needs, decided by names alone.
//!
//! A flush is named after its run, so of flushes outside the window only one is needed: the newest of a run that has
//! flushes inside, because what waits counts in the newest only. What was put together from others is always needed, because its
//! name does not say whose flushes it holds; there is little of it.

use std::collections::BTreeMap;

use tracemesh_graph::snapshot::Window;

use super::cover::Cover;
use super::manifest::{Level, SegmentName};

/// The segments to read for a window.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selected {
    /// These.
    pub(super) names: Vec<String>,
    /// And of each of these lists, which belong to a run, the first that can be read: newest first.
    pub(super) newest: Vec<Vec<String>>,
}

impl Selected {
    /// Selects among names. One that does not parse is selected: whoever reads it says what is wrong.
    pub(super) fn from_names(names: Vec<String>, wanted: Window) -> Self {
        if wanted == Window::default() {
            return Self {
                names,
                newest: Vec::new(),
            };
        }
        let mut selected = Self::default();
        let mut runs: BTreeMap<(String, u64), Run> = BTreeMap::new();
        for name in names {
            let parsed = SegmentName::parse(&name);
            let flush = parsed.as_ref().and_then(flush_of);
            let is_wanted = parsed.is_none_or(|parsed| overlaps(parsed.window(), wanted));
            let Some(flush) = flush else {
                selected.names.push(name);
                continue;
            };
            let run = runs.entry((flush.instance, flush.epoch)).or_default();
            match is_wanted {
                true => {
                    run.inside = run.inside.max(Some(flush.last));
                    selected.names.push(name);
                }
                false => run.outside.push((flush.last, name)),
            }
        }
        selected.newest = runs.into_values().filter_map(Run::newer).collect();
        selected
    }
}

/// Flushes of a run.
#[derive(Debug, Default)]
struct Run {
    /// The newest inside the window.
    inside: Option<u64>,
    outside: Vec<(u64, String)>,
}

impl Run {
    /// Those newer than the newest inside, if there is one inside.
    fn newer(mut self) -> Option<Vec<String>> {
        let inside = self.inside?;
        self.outside.retain(|(sequence, _)| *sequence > inside);
        self.outside.sort_unstable_by(|a, b| b.cmp(a));
        let names: Vec<String> = self.outside.into_iter().map(|(_, name)| name).collect();
        (!names.is_empty()).then_some(names)
    }
}

/// The flush that a name tells of; `None` when only the manifest knows.
pub(super) fn flush_of(name: &SegmentName) -> Option<Cover> {
    if name.level != Level::Flush {
        return None;
    }
    let mut parts = name.tag.rsplitn(3, '-');
    let sequence = parts.next()?.parse().ok()?;
    let epoch = parts.next()?.parse().ok()?;
    Some(Cover {
        instance: parts.next()?.to_owned(),
        epoch,
        first: sequence,
        last: sequence,
    })
}

/// True when two spans of time have a moment in common. One without length counts as a moment, so that no segment is in no window.
pub(super) fn overlaps(window: Window, wanted: Window) -> bool {
    let starts_in_time = wanted
        .end
        .is_none_or(|end| window.start.is_none_or(|start| start < end));
    let ends_in_time = wanted.start.is_none_or(|wanted| {
        window
            .end
            .is_none_or(|end| end > wanted || (window.start == window.end && end == wanted))
    });
    starts_in_time && ends_in_time
}

#[cfg(test)]
mod tests {
    use tracemesh_graph::time::Timestamp;

    use super::*;

    fn window(start: u64, end: u64) -> Window {
        Window {
            start: Some(Timestamp(start * 1_000_000_000)),
            end: Some(Timestamp(end * 1_000_000_000)),
        }
    }

    fn name(level: Level, start: u64, end: u64, tag: &str) -> String {
        let window = window(start, end);
        let (start, end) = (window.start.unwrap(), window.end.unwrap());
        let tag = tag.to_owned();
        SegmentName {
            start,
            end,
            level,
            tag,
        }
        .to_string()
    }

    #[test]
    fn of_flushes_outside_only_newer_ones_of_the_same_run_are_needed() {
        let before = name(Level::Flush, 0, 10, "a-b-0000000007-00000001");
        let inside = name(Level::Flush, 10, 20, "a-b-0000000007-00000002");
        let next = name(Level::Flush, 20, 30, "a-b-0000000007-00000003");
        let newest = name(Level::Flush, 30, 40, "a-b-0000000007-00000004");
        let other = name(Level::Flush, 30, 40, "b-0000000007-00000004");
        let all = vec![before, inside.clone(), next.clone(), newest.clone(), other];
        let selected = Selected::from_names(all, window(10, 20));
        assert_eq!(selected.names, [inside]);
        assert_eq!(selected.newest, [vec![newest, next]]);
    }

    #[test]
    fn what_was_put_together_and_what_has_no_known_name_is_always_needed() {
        let day = name(Level::Day, 0, 10, "0123456789abcdef");
        let odd = name(Level::Flush, 0, 10, "0123456789abcdef");
        let all = vec![day, odd, "README.md".to_owned()];
        let selected = Selected::from_names(all.clone(), window(50, 60));
        assert_eq!(selected.names, all);
        assert_eq!(
            Selected::from_names(all.clone(), Window::default()).names,
            all
        );
    }

    #[test]
    fn a_window_without_length_is_in_one_of_two_that_meet_in_it() {
        assert!(!overlaps(window(10, 10), window(0, 10)));
        assert!(overlaps(window(10, 10), window(10, 20)));
        assert!(!overlaps(window(10, 20), window(20, 30)));
        assert!(overlaps(Window::default(), window(20, 30)));
    }
}
