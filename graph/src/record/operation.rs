//! What a span asks for: the method it calls, and the route that serves it.
//!
//! Facets of an edge, never part of any identity. Only names of low cardinality are read: a template, not a path. A
//! service that puts whole paths into its route fills a table that is capped and counted.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Marks;
use crate::attribute::{AttributeSet, Key};
use crate::names::{Names, OperationId};
use crate::peer::Peer;
use crate::span::SpanKind;
use crate::text::clip;

/// Method and route of one span; each empty when the span names none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Operation {
    /// HTTP method, or `service/method` of a remote procedure call.
    pub(crate) method: Box<str>,
    /// Route template; server spans only.
    pub(crate) route: Box<str>,
}

impl Operation {
    /// What everything past the cap folds into.
    pub(crate) fn other() -> Self {
        Self {
            method: Box::from("other"),
            route: Box::from("other"),
        }
    }
}

/// Ids of operations by method and route: a look-up allocates nothing when the names are short.
#[derive(Debug, Default)]
pub(super) struct OperationCache {
    ids: HashMap<Box<str>, HashMap<Box<str>, OperationId>>,
    len: usize,
}

impl OperationCache {
    /// The id of a span's operation; marks the span when it folds.
    pub(super) fn id(
        &mut self,
        names: &Names,
        (kind, attributes): (SpanKind, &AttributeSet<'_>),
        peer: &Peer,
        max_chars: usize,
        marks: &mut Marks,
    ) -> OperationId {
        let method = method(attributes, peer, max_chars);
        let route = route(kind, attributes, max_chars);
        if method.is_empty() && route.is_empty() {
            return OperationId::FIRST;
        }
        let known = self.ids.get(&*method).and_then(|ids| ids.get(&*route));
        if let Some(id) = known {
            return *id;
        }
        let (method, route) = (Box::from(&*method), Box::from(&*route));
        let operation = Operation { method, route };
        let Some(id) = names.operation(operation.clone()) else {
            marks.set(Marks::FOLDED, true);
            return OperationId::OTHER;
        };
        if self.len >= super::CACHE_ENTRIES {
            *self = Self::default();
        }
        self.len += 1;
        let by_route = self.ids.entry(operation.method).or_default();
        by_route.insert(operation.route, id);
        id
    }
}

/// The current conventions put the service into `rpc.method`, older ones beside it.
fn method<'a>(attributes: &AttributeSet<'a>, peer: &'a Peer, max_chars: usize) -> Cow<'a, str> {
    let Some(method) = attributes.text(Key::RpcMethod) else {
        return Cow::Borrowed(&peer.method);
    };
    match attributes.text(Key::RpcService) {
        Some(service) if !method.contains('/') => {
            Cow::Owned(clip(&format!("{service}/{method}"), max_chars))
        }
        _ => clipped(method, max_chars),
    }
}

fn route<'a>(kind: SpanKind, attributes: &AttributeSet<'a>, max_chars: usize) -> Cow<'a, str> {
    let route = match kind {
        SpanKind::Server => attributes.first_text(&[Key::HttpRoute, Key::UrlTemplate]),
        _ => None,
    };
    clipped(route.unwrap_or_default(), max_chars)
}

fn clipped(text: &str, max_chars: usize) -> Cow<'_, str> {
    if text.len() <= max_chars {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(clip(text, max_chars))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Value;
    use crate::settings::Settings;

    fn operation(kind: SpanKind, attributes: &[(Key, &'static str)]) -> (String, String) {
        let mut set = AttributeSet::default();
        for (key, text) in attributes {
            set.insert(*key, Value::Text(text));
        }
        let names = Names::default();
        let peer = Peer::of_span(kind, &set, 200);
        let mut cache = OperationCache::default();
        let mut marks = Marks::default();
        let id = cache.id(&names, (kind, &set), &peer, 200, &mut marks);
        assert_eq!(
            id,
            cache.id(&names, (kind, &set), &peer, 200, &mut marks),
            "the cache agrees"
        );
        assert!(!marks.has(Marks::FOLDED));
        let tables = names.read();
        let found = tables.operation(id);
        (found.method.to_string(), found.route.to_string())
    }

    #[test]
    fn a_remote_procedure_has_one_name_in_every_convention() {
        let old = [
            (Key::RpcService, "shop.Cart"),
            (Key::RpcMethod, "AddItem"),
            (Key::HttpMethod, "POST"),
        ];
        let new = [(Key::RpcMethod, "shop.Cart/AddItem")];
        for attributes in [&old[..], &new[..]] {
            let (method, route) = operation(SpanKind::Client, attributes);
            assert_eq!((method.as_str(), route.as_str()), ("shop.Cart/AddItem", ""));
        }
    }

    #[test]
    fn only_server_spans_name_a_route() {
        let attributes = [(Key::HttpMethod, "get"), (Key::HttpRoute, "/cart/{id}")];
        let named = |kind| operation(kind, &attributes);
        assert_eq!(
            named(SpanKind::Server),
            ("GET".to_owned(), "/cart/{id}".to_owned())
        );
        assert_eq!(named(SpanKind::Client), ("GET".to_owned(), String::new()));
    }

    #[test]
    fn past_the_cap_names_fold_and_the_span_is_marked() {
        let names = Names::new(&Settings::default());
        let route = |number: usize| Operation {
            method: Box::from("GET"),
            route: number.to_string().into(),
        };
        let is_full = (0..1_000_000).any(|number| names.operation(route(number)).is_none());
        assert!(is_full);
        let mut set = AttributeSet::default();
        set.insert(Key::HttpMethod, Value::Text("DELETE"));
        let peer = Peer::of_span(SpanKind::Client, &set, 200);
        let mut marks = Marks::default();
        let id =
            OperationCache::default().id(&names, (SpanKind::Client, &set), &peer, 200, &mut marks);
        assert_eq!(id, OperationId::OTHER);
        assert!(marks.has(Marks::FOLDED));
    }
}
