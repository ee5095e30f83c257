//! How many connections this process can hold.
//!
//! Every connection is an open file, and so is what the store writes. Peers that use up the open files of the process would
//! keep it from writing, so their share ends before that.

use tokio::sync::Semaphore;

/// Open files for everything else: the store, certificates, the machinery of the runtime.
const RESERVED: usize = 128;

/// The connections that may be open: as many as asked for, unless the system allows less.
pub(super) fn available(asked: usize) -> usize {
    // Other systems have no such file, and other limits.
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some(max_open_files) = max_open_files(&limits) else {
        return within(asked, usize::MAX);
    };
    let places = within(asked, max_open_files);
    if places < asked {
        tracing::warn!(
            max_open_files,
            places,
            asked,
            "fewer connections than asked for: raise the limit on open files (`ulimit -n`)"
        );
    }
    places
}

fn within(asked: usize, max_open_files: usize) -> usize {
    let rest = max_open_files.saturating_sub(RESERVED);
    // Too few for any reserve: half of them.
    asked
        .min(rest.max(max_open_files / 2))
        .clamp(1, Semaphore::MAX_PERMITS)
}

/// The soft limit, in what Linux tells of a process; `None` when there is none.
fn max_open_files(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_open_files_for_the_store() {
        let limits = "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(max_open_files(limits), Some(1_024));
        assert_eq!(within(4_096, 1_024), 1_024 - RESERVED);
        assert_eq!(within(100, 1_024), 100);
        assert_eq!(within(4_096, 64), 32);
        assert_eq!(within(0, 1_024), 1);
        assert_eq!(within(usize::MAX, usize::MAX), Semaphore::MAX_PERMITS);
        for none in [
            "",
            "Max open files  unlimited  unlimited  files",
            "Max open files",
        ] {
            assert_eq!(max_open_files(none), None);
        }
    }
}
