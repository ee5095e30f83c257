//! Another span of the slice, or none, in four bytes: lists of them are read many times per span.

/// An index into the canonical order of a slice, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpanAt(u32);

impl SpanAt {
    /// No span.
    pub(super) const NONE: Self = Self(u32::MAX);

    /// This span. No slice has more than fit: their records alone would take 600 GB.
    pub(super) fn to(span: usize) -> Self {
        debug_assert!(span < u32::MAX as usize, "a slice of too many spans");
        Self(u32::try_from(span).unwrap_or(u32::MAX))
    }

    /// The span, if there is one.
    pub(super) fn get(self) -> Option<usize> {
        (self != Self::NONE).then_some(self.0 as usize)
    }

    /// True when there is none.
    pub(super) fn is_none(self) -> bool {
        self == Self::NONE
    }
}
