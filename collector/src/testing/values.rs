//! Any JSON value, made of words that mean something to a decoder.

use proptest::prelude::*;
use serde_json::Value;

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
