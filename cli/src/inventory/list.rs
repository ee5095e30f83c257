//! Walks lists of Kubernetes objects, holding one object at a time.
//!
//! Accepted are the `List` of `kubectl`, lists of one kind (`ServiceList`) as the API server writes them, and single
//! objects.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tracemesh_graph::inventory::KubeObjects;

use super::object::{Fault, add};

/// Faults that are told; the others are counted.
const TOLD_FAULTS: usize = 5;
/// Fields of a single object that may matter.
const OBJECT_FIELDS: [&str; 5] = ["metadata", "spec", "status", "endpoints", "ports"];

/// One JSON value of the file.
pub(super) struct Document(Reading);

/// What was gathered so far.
#[derive(Default)]
pub(super) struct Reading {
    objects: KubeObjects,
    faults: Vec<String>,
    fault_count: usize,
    /// Whether anything looked like a list or an object of Kubernetes.
    any: bool,
    items: usize,
}

impl Reading {
    /// Adds what a further document holds.
    pub(super) fn merge(&mut self, Document(other): Document) {
        let objects = other.objects;
        self.objects.services.extend(objects.services);
        self.objects.slices.extend(objects.slices);
        self.objects.workloads.extend(objects.workloads);
        self.objects.pods.extend(objects.pods);
        self.objects.nodes.extend(objects.nodes);
        self.objects.namespaces.extend(objects.namespaces);
        for (into, from) in [
            (&mut self.objects.read, objects.read),
            (&mut self.objects.passed_over, objects.passed_over),
        ] {
            for (kind, count) in from {
                *into.entry(kind).or_default() += count;
            }
        }
        let room = TOLD_FAULTS.saturating_sub(self.faults.len());
        self.faults.extend(other.faults.into_iter().take(room));
        self.fault_count += other.fault_count;
        self.any |= other.any;
        self.items += other.items;
    }

    /// The objects, or why there are none, in words that follow the name of the file.
    pub(super) fn finish(self) -> Result<KubeObjects, String> {
        if !self.any {
            return Err(
                "holds no Kubernetes objects: it has neither `items` nor a `kind`".to_owned(),
            );
        }
        if self.fault_count == 0 {
            return Ok(self.objects);
        }
        let told = self.faults.join("; ");
        let more = self.fault_count - self.faults.len();
        let more = if more == 0 {
            String::new()
        } else {
            format!("; and {more} more")
        };
        Err(format!("has objects that cannot be read: {told}{more}"))
    }

    fn item(&mut self, text: &RawValue, list_kind: Option<&str>) {
        self.any = true;
        self.items += 1;
        if let Err(Fault { object, why }) = add(text, list_kind, &mut self.objects) {
            self.fault_count += 1;
            if self.faults.len() < TOLD_FAULTS {
                let place = format!("item {}{object}: {why}", self.items);
                self.faults.push(place);
            }
        }
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of Kubernetes objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut reading = Reading::default();
        let mut kind: Option<String> = None;
        let mut is_list = false;
        let mut fields: Vec<(&str, Box<RawValue>)> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "kind" => kind = Some(map.next_value()?),
                "items" => {
                    is_list = true;
                    let list_kind = kind.as_deref().and_then(|kind| kind.strip_suffix("List"));
                    let list_kind = list_kind.filter(|kind| !kind.is_empty());
                    map.next_value_seed(Items(&mut reading, list_kind))?;
                }
                other => match OBJECT_FIELDS.iter().find(|field| **field == other) {
                    Some(field) => fields.push((field, map.next_value()?)),
                    None => {
                        map.next_value::<IgnoredAny>()?;
                    }
                },
            }
        }
        reading.any |= is_list;
        if let Some(kind) = kind.filter(|_| !is_list) {
            let object = whole(&fields).map_err(serde::de::Error::custom)?;
            reading.item(&object, Some(&kind));
        }
        Ok(Document(reading))
    }
}

/// The text of an object from its fields.
fn whole(fields: &[(&str, Box<RawValue>)]) -> serde_json::Result<Box<RawValue>> {
    let each = fields.iter();
    let each = each.map(|(name, text)| format!("\"{name}\":{}", text.get()));
    RawValue::from_string(format!("{{{}}}", each.collect::<Vec<_>>().join(",")))
}

/// Reads `items`, one at a time.
struct Items<'a>(&'a mut Reading, Option<&'a str>);

impl<'de> serde::de::DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`items` as an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Box<RawValue>>()? {
            self.0.item(&item, self.1);
        }
        Ok(())
    }

    /// Some clients write an empty list as `null`.
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}
