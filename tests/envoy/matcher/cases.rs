//! What clients say to which destinations.

use tracemesh_graph::verify::{Request, Speech};

use super::super::fakes;

/// What a client says, and how the matcher calls it.
#[derive(Debug, Clone)]
pub(super) enum Say {
    Http {
        method: &'static str,
        path: &'static str,
        host: String,
    },
    Grpc(String),
    Tls(String),
    Opaque,
}

pub(super) fn get(host: &str) -> Say {
    Say::Http {
        method: "GET",
        path: "/",
        host: host.to_owned(),
    }
}

impl Say {
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Http { method, path, host } => {
                let line = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
                format!("{line}Connection: close\r\nContent-Length: 0\r\n\r\n").into_bytes()
            }
            Self::Grpc(host) => fakes::Speech::Grpc(host).bytes(),
            Self::Tls(name) => fakes::Speech::Tls(name).bytes(),
            Self::Opaque => fakes::Speech::Opaque.bytes(),
        }
    }

    pub(super) fn speech(&self) -> Speech<'_> {
        match self {
            Self::Http { method, path, host } => Speech::Http(Request {
                is_http2: false,
                is_grpc: false,
                authority: host,
                method,
                path,
            }),
            Self::Grpc(host) => Speech::Http(Request {
                is_http2: true,
                is_grpc: true,
                authority: host,
                method: "POST",
                path: "/",
            }),
            Self::Tls(name) => Speech::Tls {
                server_name: Some(name),
                protocols: &["h2", "http/1.1"],
            },
            Self::Opaque => Speech::Opaque,
        }
    }
}

/// Hosts in every spelling: case, port, dot at the end.
fn spellings(hosts: &[&str], port: u16) -> Vec<String> {
    let mut all = Vec::new();
    for host in hosts {
        for host in [(*host).to_owned(), host.to_ascii_uppercase()] {
            for dot in ["", "."] {
                for port in [String::new(), format!(":{port}"), ":1".to_owned()] {
                    all.push(format!("{host}{dot}{port}"));
                }
            }
        }
    }
    all
}

const HOSTS: [&str; 16] = [
    "cart",
    "cart.shop",
    "cart.shop.extra",
    "x.wild.shop",
    "wild.shop",
    ".wild.shop",
    "a.b.wild.shop",
    "b.wild.shop",
    "a-b.wild.shop",
    "exact.wild.shop",
    "pre.anything",
    "pre",
    "prefixed",
    "[2001:db8::1]",
    "[2001:db8:0::1]",
    "10.0.0.1",
];

pub(super) fn cases_by_hand() -> Vec<(u8, u16, Say)> {
    let mut cases = Vec::new();
    for port in [8080, 8081] {
        let hosts = spellings(&HOSTS, port);
        cases.extend(hosts.iter().map(|host| (1, port, get(host))));
    }
    for host in [
        "cart",
        "cart.shop:8080",
        "CART.",
        "x.wild.shop",
        "nobody",
        "methods.shop",
    ] {
        cases.push((1, 8080, Say::Grpc(host.to_owned())));
    }
    for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"] {
        for path in [
            "/",
            "/exact",
            "/exact?x=/api",
            "/exact/",
            "/api/x",
            "/apix",
            "/direct",
        ] {
            let host = "methods.shop:8080".to_owned();
            cases.push((1, 8080, Say::Http { method, path, host }));
        }
    }
    for name in [
        "a.example.com",
        "A.Example.COM",
        "b.example.com",
        "x.b.example.com",
        "exact.b.example.com",
        "x.y.b.example.com",
        "plain.example.com",
        "example.com",
        "other.org",
        "upper.org",
        "UPPER.org",
        "com",
    ] {
        for port in [8443, 8080, 7777] {
            cases.push((1, port, Say::Tls(name.to_owned())));
        }
    }
    cases.push((1, 8443, get("cart:8443")));
    cases.push((1, 8443, Say::Grpc("cart:8443".to_owned())));
    for port in [6379, 7777, 7778, 8080, 8443, 9000] {
        cases.extend((1..=9).map(|host| (host, port, Say::Opaque)));
    }
    for host in 1..=3 {
        cases.push((host, 9000, get("cart.shop:9000")));
        cases.push((host, 6379, get("cart.shop:6379")));
        cases.push((host, 7778, Say::Tls("a.example.com".to_owned())));
    }
    cases
}

pub(super) fn generated_cases() -> Vec<(u8, u16, Say)> {
    let mut cases = Vec::new();
    let hosts = [
        "cart",
        "cart.shop",
        "cart.shop.svc",
        "cart.shop.svc.cluster.local",
        "never.seen.example.com",
        "search.shop",
        "[2001:db8::1]",
    ];
    for host in spellings(&hosts, 8080) {
        cases.push((111, 8080, get(&host)));
        cases.push((115, 8080, get(&host)));
    }
    for host in spellings(&["search.shop", "cart.shop"], 8443) {
        cases.push((114, 8443, get(&host)));
    }
    for host in ["checkout.shop:50051", "checkout", "nobody:50051"] {
        cases.push((112, 50051, Say::Grpc(host.to_owned())));
    }
    for name in [
        "payments.example.com",
        "PAYMENTS.example.com",
        "x.example.com",
    ] {
        cases.push((113, 8443, Say::Tls(name.to_owned())));
    }
    for port in [6379, 9092, 8443, 8080, 7777] {
        let hosts = [121, 122, 125, 115, 129];
        cases.extend(hosts.map(|host| (host, port, Say::Opaque)));
    }
    cases
}
