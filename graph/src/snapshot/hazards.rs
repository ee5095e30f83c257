//! Spans exposed to hazards, as the snapshot counts them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hazards::{HazardKind, Sign};

/// Spans exposed to one hazard.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Exposure {
    /// How many; of outgoing calls, attempts.
    pub spans: u64,
    /// The same by what shows it: each span has one sign of a hazard.
    pub signs: BTreeMap<Sign, u64>,
    /// Example trace ids: at most three, smallest first.
    pub exemplars: Vec<String>,
}

impl Exposure {
    /// Example traces of one exposure.
    pub(crate) const MAX_EXEMPLARS: usize = 3;

    /// Adds spans of one sign.
    pub(crate) fn add(&mut self, sign: Sign, spans: u64, exemplars: &[String]) {
        self.spans = self.spans.saturating_add(spans);
        let of_sign = self.signs.entry(sign).or_default();
        *of_sign = of_sign.saturating_add(spans);
        self.exemplars.extend_from_slice(exemplars);
        self.exemplars.sort_unstable();
        self.exemplars.dedup();
        self.exemplars.truncate(Self::MAX_EXEMPLARS);
    }
}

/// Exposed spans by hazard.
pub type Exposed = BTreeMap<HazardKind, Exposure>;
