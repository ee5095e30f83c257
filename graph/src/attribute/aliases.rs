//! Further spellings of keys that rules read, as a user configured them.
//!
//! The list of keys stays closed: an alias only leads to one of them. A decoder asks for aliases after the fixed
//! list, which costs one branch where none are configured.

use std::collections::BTreeMap;

use super::Key;

/// Configured names of attributes, each with the key that it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyAliases(BTreeMap<String, Key>);

impl KeyAliases {
    /// No alias.
    pub const NONE: Self = Self(BTreeMap::new());

    /// The key that a name stands for, whether fixed or configured.
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<Key> {
        match Key::lookup(name) {
            None if !self.0.is_empty() => self.0.get(name).copied(),
            known => known,
        }
    }

    /// True when nothing is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets a name stand for a key. Says what it stood for when that is another one.
    pub(crate) fn add(&mut self, name: &str, key: Key) -> Result<(), Key> {
        match self.lookup(name) {
            Some(other) if other != key => Err(other),
            Some(_) => Ok(()),
            None => {
                self.0.insert(name.to_owned(), key);
                Ok(())
            }
        }
    }
}
