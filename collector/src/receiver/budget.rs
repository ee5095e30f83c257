//! A bound on the bytes that requests hold in memory, over all connections and both protocols.
//!
//! Bytes are charged as they arrive, never as they are announced: a peer that declares much and sends little holds little.
//! Nobody waits for room. A reader that waited would leave its bytes in the buffers of its connection, where they
//! are not counted; so whoever finds no room is refused at once, gives back what it held, and is told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::refusal::Refusal;

/// The bytes that may be in flight.
#[derive(Debug)]
pub(crate) struct Budget {
    total: usize,
    free: AtomicUsize,
    shares: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            total: bytes,
            free: AtomicUsize::new(bytes),
            shares: AtomicUsize::new(0),
        })
    }

    /// A share that holds nothing yet.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        self.shares.fetch_add(1, Ordering::AcqRel);
        Share {
            budget: Arc::clone(self),
            bytes: 0,
        }
    }

    /// Shares that are held, each by one request.
    pub(crate) fn shares(&self) -> usize {
        self.shares.load(Ordering::Acquire)
    }

    /// Bytes that may be held.
    pub(crate) const fn total(&self) -> usize {
        self.total
    }

    /// Bytes that nobody holds.
    pub(crate) fn free(&self) -> usize {
        self.free.load(Ordering::Acquire)
    }
}

/// What one request holds; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    /// Holds this many bytes more.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when there are not as many; then nothing more is held than before.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.budget
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |free| {
                free.checked_sub(bytes)
            })
            .map_err(|_free| Refusal::Busy)?;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    /// True when it could hold this many bytes more if nobody else held any.
    pub(crate) fn could_grow(&self, bytes: usize) -> bool {
        self.bytes.saturating_add(bytes) <= self.budget.total
    }

    /// Gives back this many bytes, or what is held.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let given = bytes.min(self.bytes);
        self.bytes -= given;
        self.budget.free.fetch_add(given, Ordering::AcqRel);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.free.fetch_add(self.bytes, Ordering::AcqRel);
        self.budget.shares.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_hold_more_than_the_budget_and_give_everything_back() {
        let budget = Budget::new(100);
        let (mut one, mut other) = (budget.share(), budget.share());
        one.grow(60).unwrap();
        assert!(matches!(other.grow(41), Err(Refusal::Busy)));
        assert_eq!(budget.free(), 40);
        other.grow(40).unwrap();
        assert!(one.grow(1).is_err());
        assert!(one.grow(usize::MAX).is_err());
        // Alone it would find room for forty more, and never for more than that.
        assert!(one.could_grow(40) && !one.could_grow(41));
        one.shrink(10);
        assert_eq!(budget.free(), 10);
        one.shrink(usize::MAX);
        drop(one);
        assert_eq!(budget.free(), 60);
        assert_eq!(budget.shares(), 1);
        drop(other);
        assert_eq!((budget.free(), budget.shares()), (100, 0));
    }
}
