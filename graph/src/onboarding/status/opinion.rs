//! What one source says about one service.

use super::{Status, StatusSource};

/// What a source says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opinion {
    pub(super) source: StatusSource,
    pub(super) status: Status,
    /// In words, with numbers.
    pub(super) words: String,
    /// Whether it contradicts itself, such as a label that no pod followed: told even where nobody else disagrees.
    pub(super) is_torn: bool,
}

impl Opinion {
    /// Whether two sources cannot both be right. Only people know what is excluded; to a cluster and to spans, such a service is one
    /// without a sidecar.
    pub(super) fn disagrees(&self, other: &Self) -> bool {
        let is_by_people = |opinion: &Self| opinion.source <= StatusSource::Policy;
        if is_by_people(self) && is_by_people(other) {
            return self.status != other.status;
        }
        (self.status == Status::Done) != (other.status == Status::Done)
    }
}
