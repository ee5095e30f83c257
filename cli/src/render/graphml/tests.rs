use tracemesh_graph::snapshot::NodeKind;

use super::*;
use crate::render::golden;
use crate::render::sample::{edge, node, shop, snapshot};

#[test]
fn the_shop_is_written_as_expected() {
    golden::expect("graph", "shop.graphml", &render(&shop()));
}

#[test]
fn every_node_and_edge_is_there_with_typed_data() {
    let shop = shop();
    let xml = render(&shop);
    assert_eq!(xml.matches("<node ").count(), shop.nodes.len());
    assert_eq!(xml.matches("<edge ").count(), shop.edges.len());
    assert!(
        xml.contains("attr.name=\"calls\" attr.type=\"long\""),
        "{xml}"
    );
    assert!(
        xml.contains("<data key=\"nk0\">service/shop/cart</data>"),
        "{xml}"
    );
}

#[test]
fn names_cannot_leave_their_element() {
    assert_eq!(
        escaped("</data>&\"\u{0}\u{ffff}\u{fffe}\n"),
        "&lt;/data&gt;&amp;&quot;\\u{0}\\u{ffff}\\u{fffe}\\n"
    );
    let nodes = vec![node(NodeKind::Service, "", "]]></graphml><!--")];
    let xml = render(&snapshot(nodes, Vec::new()));
    assert_eq!(xml.matches("</graphml>").count(), 1);
    assert_eq!(xml.matches("<!--").count(), 1);
}

#[test]
fn numbers_that_the_types_do_not_have_are_clamped_or_left_out() {
    let nodes = ["a", "b"]
        .map(|name| node(NodeKind::Service, "", name))
        .to_vec();
    let mut edge = edge("service/a", "service/b", u64::MAX);
    edge.weighted_calls = f64::INFINITY;
    edge.confidence = f64::NAN;
    let xml = render(&snapshot(nodes, vec![edge]));
    assert!(
        xml.contains(&format!("<data key=\"ek1\">{}</data>", i64::MAX)),
        "{xml}"
    );
    assert!(
        !xml.contains("key=\"ek6\">") && !xml.contains("NaN") && !xml.contains("inf"),
        "{xml}"
    );
}
