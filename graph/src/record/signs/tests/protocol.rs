//! Versions, upgrades and methods of protocols, and how connecting and calling fail.

use super::*;

#[test]
fn versions_upgrades_and_methods_show_in_either_convention() {
    let version = |key, text| get(URL).with(key, text);
    check(
        Sign::Http10,
        &[
            version(Key::NetworkProtocolVersion, "1.0"),
            version(Key::HttpFlavor, "HTTP/1.0"),
        ],
        &[version(Key::HttpFlavor, "1.1"), get(URL)],
    );
    check(
        Sign::WebSocket,
        &[
            get("ws://chat.shop/x"),
            get(URL).int(Key::HttpStatusCode, 101),
            get(URL).with(Key::HttpScheme, "ws"),
        ],
        &[get("http://ws.shop/ws://"), get("wss://chat.shop/x")],
    );
    let method = |method| {
        client()
            .with(Key::UrlFull, URL)
            .with(Key::HttpRequestMethod, method)
    };
    check(Sign::Connect, &[method("CONNECT")], &[method("GET")]);
    check(
        Sign::UnknownMethod,
        &[method("_OTHER"), method("PURGE")],
        &[method("get"), client()],
    );
    let status = |status| get(URL).int(Key::HttpResponseStatusCode, status);
    check(
        Sign::RefusedRequest,
        &[status(400)],
        &[status(404), status(431)],
    );
    check(
        Sign::RefusedHeaders,
        &[status(431)],
        &[status(400), status(502)],
    );
}

#[test]
fn failures_to_connect_and_to_resolve_are_told_apart_in_every_runtime() {
    let because = |kind| client().failed().with(Key::ErrorType, kind);
    check(
        Sign::Refused,
        &[
            because("ECONNREFUSED"),
            because("ConnectionRefusedError"),
            because("connection_refused"),
            client().failed().events(0, "java.net.ConnectException"),
            client().failed().events(0, "dial tcp: connection refused"),
        ],
        &[
            because("requests.exceptions.ConnectionError"),
            because("ECONNRESET"),
            because("EAI_AGAIN"),
            client().events(0, "ECONNREFUSED"),
        ],
    );
    check(
        Sign::Unresolved,
        &[
            because("EAI_AGAIN"),
            because("ENOTFOUND"),
            because("socket.gaierror"),
            client().failed().events(0, "java.net.UnknownHostException"),
        ],
        &[
            because("ECONNREFUSED"),
            because("404"),
            client().events(0, "EAI_AGAIN"),
        ],
    );
    let list = client()
        .with(Key::DbSystem, "postgresql")
        .with(Key::DbConnectionString, "postgresql://a:5432,b:5432/x");
    let one = client()
        .with(Key::DbSystem, "postgresql")
        .with(Key::NetPeerName, "a");
    check(Sign::HostList, &[list], &[one]);
}

#[test]
fn servers_that_speak_first_are_a_closed_list() {
    let system = |system| {
        client()
            .with(Key::DbSystem, system)
            .with(Key::NetPeerName, "db")
    };
    check(
        Sign::SpeaksFirst,
        &[
            system("mysql"),
            system("mariadb"),
            client().with(Key::MessagingSystem, "nats"),
        ],
        &[
            system("postgresql"),
            system("redis"),
            get("http://mysql.shop/x"),
        ],
    );
}

#[test]
fn grpc_failures_are_three_codes_that_http_calls_a_success() {
    let code = |code| grpc("Get").failed().int(Key::RpcGrpcStatusCode, code);
    check(
        Sign::GrpcFailure,
        &[
            code(13),
            code(14),
            code(4),
            code(14).int(Key::HttpStatusCode, 200),
            grpc("Get").with(Key::RpcResponseStatusCode, "UNAVAILABLE"),
        ],
        &[
            code(0),
            code(5),
            code(14).int(Key::HttpStatusCode, 503),
            client()
                .with(Key::RpcSystem, "apache_dubbo")
                .int(Key::RpcGrpcStatusCode, 14),
        ],
    );
}
