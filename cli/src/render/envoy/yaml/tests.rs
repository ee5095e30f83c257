//! What is emitted reads back as the same tree, for every string.

use proptest::prelude::*;
use saphyr::{LoadableYamlNode, Scalar, Yaml};

use super::*;

/// The tree as a YAML reader sees it.
fn read(text: &str) -> Node {
    let documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(documents.len(), 1, "{text}");
    from_yaml(&documents[0])
}

fn from_yaml(yaml: &Yaml<'_>) -> Node {
    match yaml {
        Yaml::Value(Scalar::Boolean(value)) => Node::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => Node::Number(u64::try_from(*value).unwrap()),
        Yaml::Value(Scalar::String(text)) => Node::Text(text.to_string()),
        Yaml::Sequence(elements) => Node::List(elements.iter().map(from_yaml).collect()),
        Yaml::Mapping(entries) => Node::Map(
            entries
                .iter()
                .map(|(key, value)| match from_yaml(key) {
                    Node::Text(key) => (key.into(), from_yaml(value)),
                    other => panic!("key {other:?} is not text"),
                })
                .collect(),
        ),
        other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn words_that_yaml_takes_for_something_else_stay_text() {
    let words = [
        "no",
        "on",
        "y",
        "n",
        "off",
        "yes",
        "true",
        "null",
        "~",
        "1e3",
        "012",
        "0x1f",
        "1.10",
        "",
        " ",
        "- a",
        "a: b",
        "# c",
        "*a",
        "&a",
        "!t",
        "{a: b}",
        "[a]",
        "---",
        "...",
        "%TAG",
        "\"",
        "'",
        "\\",
        "\\n",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{2029}",
        "\u{feff}",
        "\u{202e}",
        "\u{1f600}",
        "\u{10ffff}",
        "=",
        "<<",
        "?",
        "|",
        ">",
    ];
    for word in words {
        let tree = map([(word, list([word]))]).with("key", word);
        let text = tree.to_yaml();
        assert!(text.is_ascii(), "{text}");
        assert_eq!(text.lines().count(), 3, "{text:?}");
        assert_eq!(read(&text), tree, "{text}");
    }
}

#[test]
fn nested_lists_and_empty_values_have_a_fixed_form() {
    let tree = map([
        ("empty", map([])),
        ("none", Node::List(Vec::new())),
        ("matrix", list([list([1_u64, 2]), Node::List(Vec::new())])),
        (
            "maps",
            list([map([("@type", "t".into()), ("on", true.into())])]),
        ),
    ]);
    let text = tree.to_yaml();
    assert_eq!(
        text,
        "empty: {}\nnone: []\nmatrix:\n- - 1\n  - 2\n- []\nmaps:\n- \"@type\": \"t\"\n  \"on\": true\n"
    );
    assert_eq!(read(&text), tree);
}

fn tree() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Node::Bool),
        any::<u16>().prop_map(Node::from),
        any::<String>().prop_map(Node::Text),
        "(no|on|y|1e3|null|[-:#{}\\[\\]\"'\\\\\n ]{0,4})".prop_map(Node::Text),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Node::List),
            prop::collection::btree_map(any::<String>(), inner, 0..5).prop_map(|entries| {
                let entries = entries.into_iter();
                Node::Map(entries.map(|(key, value)| (key.into(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_tree_reads_back_as_itself(tree in tree()) {
        let text = tree.to_yaml();
        prop_assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
        prop_assert_eq!(read(&text), tree.clone());
        prop_assert_eq!(super::read(&text), Some(tree));
    }

    #[test]
    fn any_text_is_read_or_refused(text in r#"([-a"\\x0 :\n\[\]{}]|- |: |  ){0,60}"#) {
        if let Some(tree) = super::read(&text) {
            prop_assert_eq!(super::read(&tree.to_yaml()), Some(tree));
        }
    }
}

#[test]
fn text_that_was_not_written_here_is_refused() {
    let deep = "- ".repeat(10_000) + "1";
    for text in [
        "",
        "a: b",
        "a:",
        "a: 1\n b: 2",
        "- 1\na: 1",
        "a: {b: 1}",
        "a: \"x",
        &deep,
    ] {
        assert_eq!(super::read(text), None, "{text:.20}");
    }
    let commented = "# by hand\na: 1\n";
    assert_eq!(super::read(commented), Some(map([("a", 1_u64.into())])));
}
