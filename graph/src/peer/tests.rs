use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::attribute::Value;

fn peer(kind: SpanKind, attributes: &[(Key, &'static str)]) -> Peer {
    let mut set = AttributeSet::default();
    for (key, text) in attributes {
        set.insert(*key, Value::Text(text));
    }
    Peer::of_span(kind, &set, 200)
}

fn dialled(attributes: &[(Key, &'static str)]) -> String {
    peer(SpanKind::Client, attributes)
        .address
        .map_or_else(|| "none".to_owned(), |address| address.to_string())
}

#[test]
fn one_target_in_many_spellings_is_one_address() {
    for url in [
        "https://Api.X.com:443/",
        "https://api.x.com/v1?k=1",
        "https://u:p@API.x.com./",
    ] {
        assert_eq!(dialled(&[(Key::UrlFull, url)]), "api.x.com:443", "{url}");
    }
    for host in [
        "[::ffff:10.0.0.7]:6379",
        "10.0.0.7:6379",
        "\"10.0.0.7:6379\"",
    ] {
        assert_eq!(
            dialled(&[(Key::ServerAddress, host)]),
            "10.0.0.7:6379",
            "{host}"
        );
    }
}

#[test]
fn the_host_is_found_where_real_instrumentations_put_it() {
    assert_eq!(
        dialled(&[(Key::HttpUrl, "http://cart:8080/quote/7?x=1")]),
        "cart:8080"
    );
    assert_eq!(
        dialled(&[(Key::NetPeerName, "db"), (Key::DbSystem, "postgresql")]),
        "db:5432"
    );
    assert_eq!(
        dialled(&[(Key::ServerAddress, "b"), (Key::UrlFull, "http://b:81/")]),
        "b:81"
    );
    assert_eq!(
        dialled(&[
            (Key::NetworkPeerAddress, "cart.shop"),
            (Key::NetworkPeerPort, "80")
        ]),
        "cart.shop:80"
    );
    for target in [
        "dns:///cart:50051",
        "dns://10.0.0.53/cart:50051",
        "dns:cart:50051",
        "passthrough:///cart:50051",
        "kubernetes:///cart:50051",
    ] {
        assert_eq!(
            dialled(&[(Key::ServerAddress, target)]),
            "cart:50051",
            "{target}"
        );
    }
    assert_eq!(
        dialled(&[(Key::DbConnectionString, "jdbc:postgresql://pg:5433/app")]),
        "pg:5433"
    );
}

#[test]
fn what_cannot_be_a_host_is_no_host() {
    for host in [
        "/var/run/pg.sock",
        "unix:///var/run/docker.sock",
        "unix:/var/run/docker.sock",
        "UNIX://run",
        "file:///etc/hosts",
        "dns:///",
        "://",
        "a b",
        "a\nb",
        "../../etc",
        "",
        ":80",
        "a:b",
        "[::1",
        "a:0",
    ] {
        assert_eq!(dialled(&[(Key::ServerAddress, host)]), "none", "{host:?}");
    }
}

#[test]
fn bootstrap_lists_keep_every_broker_in_one_order() {
    let one = peer(
        SpanKind::Producer,
        &[
            (Key::MessagingSystem, "kafka"),
            (Key::ServerAddress, "k2,k1:9093"),
        ],
    );
    let two = peer(
        SpanKind::Producer,
        &[
            (Key::MessagingSystem, "kafka"),
            (Key::ServerAddress, "k1:9093,k2"),
        ],
    );
    assert_eq!(one, two);
    assert_eq!(
        one.address.map(|address| address.to_string()),
        Some("k1:9093".to_owned())
    );
    assert_eq!(one.also[0].to_string(), "k2:9092");
}

#[test]
fn a_server_span_tells_its_host_and_never_its_callers_socket() {
    let served = peer(
        SpanKind::Server,
        &[
            (Key::NetHostName, "cart:8080"),
            (Key::NetPeerIp, "10.0.0.9"),
            (Key::HttpMethod, "GET"),
        ],
    );
    assert_eq!(
        served.address.map(|address| address.to_string()),
        Some("cart:8080".to_owned())
    );
    assert_eq!(served.socket, None);
}

#[test]
fn old_and_new_names_of_a_database_system_are_one_category() {
    let old = peer(
        SpanKind::Client,
        &[(Key::DbSystem, "mssql"), (Key::NetPeerName, "h")],
    );
    let new = peer(
        SpanKind::Client,
        &[
            (Key::DbSystemName, "microsoft.sql_server"),
            (Key::ServerAddress, "h"),
        ],
    );
    assert_eq!(old, new);
    assert_eq!(old.scheme, "microsoft.sql_server");
}

#[test]
fn the_default_exchange_is_named_by_its_routing_key() {
    let publish = peer(
        SpanKind::Producer,
        &[
            (Key::MessagingSystem, "rabbitmq"),
            (Key::MessagingDestination, ""),
            (Key::MessagingRabbitmqRoutingKey, "emails"),
        ],
    );
    assert!(
        matches!(publish.category, Category::Messaging { destination, .. } if destination == "emails")
    );
}

#[test]
fn a_peer_widens_to_any_host_below_its_parent_domain() {
    let wide = |host: &'static str| {
        let attributes = [
            (Key::ServerAddress, host),
            (Key::ServerPort, "443"),
            (Key::HttpMethod, "GET"),
        ];
        let wide = peer(SpanKind::Client, &attributes).widened()?;
        assert!(wide.method.is_empty() && wide.socket.is_none());
        wide.address.map(|address| address.to_string())
    };
    assert_eq!(wide("t7.x.example").as_deref(), Some("*.x.example:443"));
    assert_eq!(wide("shop.co.uk"), None, "a suffix, as far as we can tell");
    assert_eq!(wide("t7.shop.co.uk").as_deref(), Some("*.shop.co.uk:443"));
    for host in ["x.example", "cart", "10.0.0.1", "::1"] {
        assert_eq!(wide(host), None, "{host}");
    }
}

/// A list of hosts in one URL: the path belongs to the last of them.
#[test]
fn every_host_of_a_fail_over_list_is_found() {
    let text = "postgresql://u:p@a.db:5432,b.db:5433/orders?target_session_attrs=any";
    let found = peer(
        SpanKind::Client,
        &[
            (Key::DbSystem, "postgresql"),
            (Key::DbConnectionString, text),
        ],
    );
    let all: Vec<String> = found
        .address
        .iter()
        .chain(&found.also)
        .map(ToString::to_string)
        .collect();
    assert_eq!(all, ["a.db:5432", "b.db:5433"]);
}

/// Texts made of what URLs are made of.
fn urlish() -> impl Strategy<Value = String> {
    const PARTS: [&str; 24] = [
        "http://",
        "https://",
        "ws://",
        "HTTP://",
        "jdbc:",
        "dns:",
        "unix://",
        "://",
        ":",
        "/",
        "?",
        "#",
        ";",
        "@",
        "%",
        "[",
        "::1",
        "10.0.0.1",
        "::ffff:1.2.3.4",
        "Cart.shop",
        "8080",
        " ",
        "\u{e9}",
        "orders",
    ];
    prop::collection::vec(select(PARTS.to_vec()), 0..9).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn the_head_of_a_url_dials_what_the_url_dials(url in urlish()) {
        let (url, head) = (url.trim(), url_head(url.trim()));
        prop_assert!(url.starts_with(head));
        prop_assert_eq!(address::parse_url(head), address::parse_url(url));
    }

    #[test]
    fn schemes_are_split_at_the_first_sign_of_one(text in urlish()) {
        prop_assert_eq!(split_scheme(&text), text.split_once("://"));
    }

    #[test]
    fn the_ip_of_an_authority_is_that_of_its_address(text in urlish()) {
        let slow = parse_authority(&text).and_then(|address| address.ip());
        prop_assert_eq!(ip_of(&text), slow);
    }
}
