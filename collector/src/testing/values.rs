//! What the tests of all JSON decoders feed them: any value, made of words that mean something to a decoder; text with bytes
//! changed; lists too deep for a stack.

use proptest::prelude::*;
use serde_json::Value;

use super::Kept;

/// An attribute that is text.
pub(crate) fn text(text: &str) -> Kept {
    Kept::Text(text.to_owned())
}

/// A million lists in each other.
pub(crate) fn deep_list() -> String {
    format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000))
}

/// Changes of single bytes.
pub(crate) type Edits = Vec<(prop::sample::Index, u8)>;

/// A few changes anywhere.
pub(crate) fn edits() -> impl Strategy<Value = Edits> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
}

/// Makes changes in bytes, of which there must be some.
pub(crate) fn edit(bytes: &mut [u8], edits: Edits) {
    for (index, byte) in edits {
        let index = index.index(bytes.len());
        bytes[index] = byte;
    }
}

/// Objects, lists and scalars of a few levels; names and texts are often among the given words.
pub(crate) fn json_value(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        9 => prop::sample::select(words).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            3 => prop::collection::btree_map(word.clone(), inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}
