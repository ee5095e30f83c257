//! Numbers for names, and values in a row by key.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use crate::record::Seeded;

/// Numbers for values, from 0, in the order in which they came.
#[derive(Debug)]
pub(super) struct Numbers<T> {
    numbers: HashMap<T, u32, Seeded>,
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self {
            numbers: HashMap::default(),
        }
    }
}

impl<T: Hash + Eq> Numbers<T> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of a value, which is copied only when it is new.
    pub(super) fn of<Q>(&mut self, value: &Q) -> u32
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = T> + ?Sized,
    {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(value.to_owned(), next);
        next
    }

    /// The values in the order of their numbers.
    pub(super) fn into_values(self) -> Vec<T> {
        let mut pairs: Vec<(T, u32)> = self.numbers.into_iter().collect();
        pairs.sort_unstable_by_key(|(_, number)| *number);
        pairs.into_iter().map(|(value, _)| value).collect()
    }
}

/// Values in a row, found by key.
#[derive(Debug)]
pub(super) struct Keyed<K, V> {
    places: HashMap<K, usize, Seeded>,
    values: Vec<V>,
}

impl<K, V> Default for Keyed<K, V> {
    fn default() -> Self {
        Self {
            places: HashMap::default(),
            values: Vec::new(),
        }
    }
}

impl<K: Hash + Eq, V: Default> Keyed<K, V> {
    /// Makes room for the first keys: values are large, and moving them to twice the room takes more than both.
    pub(super) fn expect(&mut self, keys: usize) {
        if self.values.is_empty() {
            self.places.reserve(keys);
            self.values.reserve_exact(keys);
        }
    }

    /// The place of the value of a key, and whether it is new.
    pub(super) fn place(&mut self, key: K) -> (usize, bool) {
        let next = self.values.len();
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            self.values.push(V::default());
        }
        (place, place == next)
    }

    /// The value at a place.
    pub(super) fn at(&mut self, place: usize) -> &mut V {
        &mut self.values[place]
    }

    /// The value of a key.
    pub(super) fn of(&mut self, key: K) -> &mut V {
        let (place, _) = self.place(key);
        &mut self.values[place]
    }

    /// Adds a value without key, which must be [taken](Self::take_extra) before the next key comes.
    pub(super) fn extra(&mut self) -> usize {
        self.values.push(V::default());
        self.values.len() - 1
    }

    /// Takes the values without key out, in the order in which they were added.
    pub(super) fn take_extra(&mut self) -> Vec<V> {
        self.values.split_off(self.places.len())
    }

    /// Keys and values in the order in which they came.
    pub(super) fn into_pairs(self) -> impl Iterator<Item = (K, V)> {
        let mut keys: Vec<(K, usize)> = self.places.into_iter().collect();
        keys.sort_unstable_by_key(|(_, place)| *place);
        keys.into_iter().map(|(key, _)| key).zip(self.values)
    }
}
