//! What people say in the status file, by service.

use std::collections::BTreeMap;

use super::opinion::Opinion;
use super::{Status, StatusFile, StatusSource, Told, ToldStatus};
use crate::policy::onboarding::Services;

/// Entries of the file by node id.
#[derive(Debug, Default)]
pub(super) struct ToldByService<'a> {
    pub(super) entries: BTreeMap<String, &'a ToldStatus>,
    /// Line and what is wrong.
    pub(super) unmatched: Vec<(usize, String)>,
}

impl<'a> ToldByService<'a> {
    pub(super) fn new(file: &'a StatusFile, services: &Services<'_>) -> Self {
        let mut told = Self::default();
        for entry in &file.services {
            let ids = services.called(&entry.service);
            let name = &entry.service;
            let wrong = match ids.as_slice() {
                [] => format!("no service of the graph is called `{name}`"),
                [id] => match told.entries.get(id) {
                    None => {
                        told.entries.insert(id.clone(), entry);
                        continue;
                    }
                    Some(first) => format!(
                        "`{name}` is the service of line {}, which counts",
                        first.line
                    ),
                },
                [first, second, ..] => format!(
                    "`{name}` could be {} services, such as `{first}` and `{second}`; name one by its id",
                    ids.len()
                ),
            };
            told.unmatched.push((entry.line, wrong));
        }
        told
    }
}

/// What an entry says.
pub(super) fn opinion(entry: &ToldStatus) -> Opinion {
    let (status, word) = match entry.status {
        Told::Done => (Status::Done, "done"),
        Told::Pending => (Status::Pending, "pending"),
        Told::Excluded => (Status::Excluded, "excluded"),
        Told::RolledBack => (Status::Pending, "rolled back"),
    };
    let since = entry
        .since
        .map_or_else(String::new, |day| format!(" since {day}"));
    let line = entry.line;
    Opinion {
        source: StatusSource::File,
        status,
        words: format!("status file: {word}{since} (line {line})"),
        is_torn: false,
    }
}
