//! A map that nearly always has a handful of keys.
//!
//! They are looked through one after the other, which is faster than any tree as long as they are few. Senders may make them
//! many: what comes after the first goes to a tree, so that no look-up is slow.

use std::collections::BTreeMap;

/// Keys that are looked through.
const MOST: usize = 16;

/// A map in no order that means anything.
#[derive(Debug, Clone)]
pub(super) struct Few<K, V> {
    few: Vec<(K, V)>,
    more: BTreeMap<K, V>,
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self {
            few: Vec::new(),
            more: BTreeMap::new(),
        }
    }
}

impl<K: Copy + Ord, V> Few<K, V> {
    /// The value of a key.
    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        match self.few.iter().position(|(known, _)| *known == key) {
            Some(place) => Some(&mut self.few[place].1),
            None if self.more.is_empty() => None,
            None => self.more.get_mut(&key),
        }
    }

    /// The value of a key, `first` if there was none.
    #[inline]
    pub(super) fn get_or(&mut self, key: K, first: V) -> &mut V {
        match self.few.iter().position(|(known, _)| *known == key) {
            Some(place) => &mut self.few[place].1,
            None => self.beyond(key, first),
        }
    }

    /// The value of a key that is not among the few. Apart, so that finding one of these stays a handful of instructions.
    #[cold]
    fn beyond(&mut self, key: K, first: V) -> &mut V {
        if self.few.len() >= MOST {
            return self.more.entry(key).or_insert(first);
        }
        self.few.push((key, first));
        let last = self.few.len() - 1;
        &mut self.few[last].1
    }

    /// Adds the values of another map: `add` to those of keys that are here too.
    pub(super) fn merge(&mut self, other: &Self, mut add: impl FnMut(&mut V, &V))
    where
        V: Clone,
    {
        for (key, value) in other.iter() {
            match self.get_mut(key) {
                Some(known) => add(known, value),
                None => {
                    self.get_or(key, value.clone());
                }
            }
        }
    }

    /// All keys and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        let few = self.few.iter().map(|(key, value)| (*key, value));
        few.chain(self.more.iter().map(|(key, value)| (*key, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_keys_count_as_few_do() {
        let mut counts: Few<u32, u64> = Few::default();
        for number in 0..1_000 {
            *counts.get_or(number % 40, 0) += 1;
        }
        let all: BTreeMap<u32, u64> = counts.iter().map(|(key, count)| (key, *count)).collect();
        assert_eq!(all, (0..40).map(|key| (key, 25)).collect());
        assert_eq!(counts.get_mut(39).copied(), Some(25));
        assert_eq!(counts.get_mut(40), None);
    }
}
