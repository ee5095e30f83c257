//! Pages about made-up generations.

use super::super::yaml::{list, map};
use super::*;

fn cluster(name: &str, timeout: &str, addresses: &[&str]) -> Node {
    let facts = map([
        ("to", "service/shop/cart".into()),
        ("phase", "tuned".into()),
        ("addresses", list(addresses.iter().copied())),
    ]);
    map([
        ("name", name.into()),
        ("connect_timeout", timeout.into()),
        (
            "metadata",
            map([("filter_metadata", map([("tracemesh", facts)]))]),
        ),
    ])
}

fn files(clusters: Vec<Node>) -> BTreeMap<String, String> {
    let text = map([("resources", list(clusters))]).to_yaml_after("# made\n");
    BTreeMap::from([("cds.yaml".to_owned(), text)])
}

fn older(files: BTreeMap<String, String>) -> Older {
    Older {
        generation: 3,
        files,
    }
}

#[test]
fn a_page_says_what_came_what_went_and_what_changed() {
    let old = files(vec![
        cluster("cart_80", "10s", &["cart:80", "cart.shop:80"]),
        cluster("gone_80", "10s", &["gone:80"]),
    ]);
    let new = files(vec![
        cluster("new_80", "1s", &["new:80"]),
        cluster("cart_80", "1s", &["cart:80", "cart.b:80"]),
    ]);
    let page = page("service/shop/hub", 4, &new, Some(&older(old)));
    assert_eq!(
        page,
        "# gen-0004 of `\"service/shop/hub\"`

Compared with gen-0003, which `current` pointed to. Endpoints are not compared.

## Clusters

- changed `cart_80`
  - `connect_timeout`: `\"10s\"` -> `\"1s\"`
  - `metadata.filter_metadata.tracemesh.addresses[\"cart.b:80\"]`: added `\"cart.b:80\"`
  - `metadata.filter_metadata.tracemesh.addresses[\"cart.shop:80\"]`: removed `\"cart.shop:80\"`
- removed `gone_80`, for `\"service/shop/cart\"` at `[\"gone:80\"]`, `\"tuned\"`
- added `new_80`, for `\"service/shop/cart\"` at `[\"new:80\"]`, `\"tuned\"`
"
    );
}

#[test]
fn the_first_generation_is_all_new_and_a_foreign_file_counts_for_nothing() {
    let new = files(vec![cluster("cart_80", "1s", &[])]);
    let first = page("service/shop/hub", 1, &new, None);
    assert!(first.contains("The first generation"), "{first}");
    assert!(first.contains("- added `cart_80`"), "{first}");
    let edited = BTreeMap::from([("cds.yaml".to_owned(), "resources: {a: b}".to_owned())]);
    let second = page("service/shop/hub", 2, &new, Some(&older(edited)));
    assert!(second.contains("not as it was generated"), "{second}");
    assert!(second.contains("- added `cart_80`"), "{second}");
}

#[test]
fn moved_elements_are_no_change_and_named_ones_are_told_apart() {
    let chain = |name: &str, port: u64| map([("name", name.into()), ("port", port.into())]);
    let old = map([(
        "chains",
        list([chain("a", 1), chain("b", 2), chain("b", 3)]),
    )]);
    let moved = map([(
        "chains",
        list([chain("b", 2), chain("a", 1), chain("b", 3)]),
    )]);
    assert_eq!(changes(&old, &moved), []);
    let other = map([("chains", list([chain("a", 7), chain("b", 2)]))]);
    let found: Vec<String> = changes(&old, &other)
        .into_iter()
        .map(|change| format!("{} {:?} {:?}", change.path, change.before, change.after))
        .collect();
    assert_eq!(
        found,
        [
            "chains[a].port Some(\"1\") Some(\"7\")",
            "chains[b#1].name Some(\"\\\"b\\\"\") None",
            "chains[b#1].port Some(\"3\") None",
        ]
    );
}

#[test]
fn names_from_spans_cannot_leave_their_code_span() {
    let hostile = "x`\n# <b>\u{202e}";
    let new = files(vec![cluster("cart_80", "1s", &[hostile])]);
    let page = page(hostile, 1, &new, None);
    assert!(!page.contains("x`") && !page.contains('\u{202e}'), "{page}");
    assert_eq!(page.lines().filter(|line| line.starts_with('#')).count(), 2);
}
