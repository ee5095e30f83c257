use serde_json::value::RawValue;
use tracemesh_graph::attribute::{Key, Value};

use super::scalar::Scalar;
use super::*;

fn typed(value: &str, kind: &str) -> String {
    let raw: &RawValue = serde_json::from_str(value).unwrap();
    format!("{:?}", Scalar::of(raw).typed(kind))
}

#[test]
fn values_are_scalars_of_the_named_type_or_what_they_look_like() {
    for (value, kind, wanted) in [
        ("\"8\"", "int64", "Int(8)"),
        ("\"8\"", "string", "Text(Text(\"8\"))"),
        ("\"eight\"", "int64", "Text(Text(\"eight\"))"),
        ("\"0.5\"", "float64", "Double(0.5)"),
        ("\"false\"", "bool", "Bool(false)"),
        ("\"AAE=\"", "binary", "None"),
        ("8", "", "Int(8)"),
        ("-8e0", "int64", "Double(-8.0)"),
        ("99999999999999999999", "int64", "Double(1e20)"),
        ("true", "bool", "Bool(true)"),
        ("null", "string", "None"),
        ("[1]", "string", "None"),
        ("{}", "", "None"),
    ] {
        assert_eq!(typed(value, kind), wanted, "{value} {kind}");
    }
}

#[test]
fn attributes_of_resources_are_those_that_identify_and_describe_who_emits() {
    let of_spans = |key: &&Key| !is_of_resource(**key);
    let others: Vec<&str> = Key::ALL
        .iter()
        .filter(of_spans)
        .map(|key| key.name())
        .collect();
    assert_eq!(others.len() + 28, Key::ALL.len());
    assert!(others.contains(&"peer.service") && others.contains(&"faas.invoked_name"));
}

#[test]
fn the_first_value_of_a_key_wins_and_none_is_none() {
    let raw: &RawValue = serde_json::from_str(
        r#"{"db.name":null,"db.name":"a","db.name":"b","hostname":7,"hostname":"h"}"#,
    )
    .unwrap();
    let tags = Tags::of_map(raw, &KeyAliases::NONE).unwrap();
    let mut set = AttributeSet::default();
    tags.put(&mut set, false, |_| true).unwrap();
    assert_eq!(set.get(Key::DbName), Some(Value::Text("a")));
    assert_eq!(tags.hostname.unwrap().0, "h");
}
