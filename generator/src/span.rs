//! A span as an SDK would export it, in plain types: whoever feeds a tool turns it into that tool's own.

use std::borrow::Cow;

/// The kinds of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Not set.
    Unspecified,
    /// Work inside one service.
    Internal,
    /// Serves a call.
    Server,
    /// Makes a call.
    Client,
    /// Sends a message.
    Producer,
    /// Takes a message.
    Consumer,
}

/// Key and value; numbers as decimal text.
pub type Attribute<'w> = (&'static str, Cow<'w, str>);

/// One exported span. Names are borrowed from the [`World`](crate::world::World) where it knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span<'w> {
    /// Trace id.
    pub trace: u128,
    /// Span id, unique in the whole traffic unless ids are shared.
    pub id: u64,
    /// Id of the parent.
    pub parent: Option<u64>,
    /// Kind.
    pub kind: Kind,
    /// Span name.
    pub name: &'static str,
    /// Index into [`World::resources`](crate::world::World::resources): who emitted it.
    pub resource: usize,
    /// Start, microseconds since the epoch, by the clock of its instance.
    pub start_us: u64,
    /// End, the same.
    pub end_us: u64,
    /// Status ERROR.
    pub is_error: bool,
    /// Attributes.
    pub attributes: Vec<Attribute<'w>>,
    /// (trace, span) of other spans.
    pub links: Vec<(u128, u64)>,
    /// W3C tracestate.
    pub trace_state: String,
}

impl<'w> Span<'w> {
    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| *known == key);
        found.map(|(_, value)| value.as_ref())
    }

    /// Adds attributes whose values live in the world or in the program.
    pub fn describe(&mut self, attributes: &[(&'static str, &'w str)]) {
        let attributes = attributes.iter();
        self.attributes
            .extend(attributes.map(|(key, value)| (*key, Cow::Borrowed(*value))));
    }

    /// Adds an attribute made for this span.
    pub fn tell(&mut self, key: &'static str, value: String) {
        self.attributes.push((key, Cow::Owned(value)));
    }
}
