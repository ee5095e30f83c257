use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::routing::post;
use tonic::codegen::Service as _;

use super::*;

fn origins(texts: &[&str]) -> Vec<Origin> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A receiver that is busy.
fn router(allowed: &[&str]) -> Router {
    let busy = || async { (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]) };
    let routes = Router::new().route("/v1/traces", post(busy));
    open_to(&origins(allowed), routes)
}

async fn ask(allowed: &[&str], method: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().method(method).uri("/v1/traces");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    router(allowed).call(request).await.unwrap()
}

fn header<'r>(response: &'r Response<Body>, name: &str) -> &'r str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

const SHOP: &str = "https://shop.example.com";
const BEFORE: [(&str, &str); 3] = [
    ("origin", SHOP),
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "content-type,x-team"),
];

#[tokio::test]
async fn without_origins_no_browser_is_told_anything() {
    let answer = ask(&[], "OPTIONS", &BEFORE).await;
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header(&answer, "access-control-allow-origin"), "");
    let answer = ask(&[], "POST", &BEFORE[..1]).await;
    assert_eq!(header(&answer, "access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_named_origin_may_send_with_the_headers_that_it_asks_for() {
    let answer = ask(&[SHOP, "http://localhost:3000"], "OPTIONS", &BEFORE).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, "access-control-allow-origin"), SHOP);
    assert_eq!(header(&answer, "access-control-allow-methods"), "POST");
    let headers = header(&answer, "access-control-allow-headers");
    assert_eq!(headers, "content-type,x-team");
    assert_eq!(header(&answer, "access-control-max-age"), "3600");
    assert_eq!(header(&answer, "access-control-allow-credentials"), "");
}

/// A page can tell a refusal, and when to come back.
#[tokio::test]
async fn refusals_can_be_read_by_pages_of_named_origins_alone() {
    for (origin, told) in [
        (SHOP, SHOP),
        ("https://shop.example.com.evil.org", ""),
        ("http://shop.example.com", ""),
        ("null", ""),
    ] {
        let answer = ask(&[SHOP], "POST", &[("origin", origin)]).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(header(&answer, "access-control-allow-origin"), told);
        let exposed = header(&answer, "access-control-expose-headers");
        assert_eq!(exposed, "retry-after", "{origin}");
    }
}

#[tokio::test]
async fn any_origin_is_a_star() {
    let answer = ask(&[SHOP, "*"], "OPTIONS", &BEFORE).await;
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
}

#[test]
fn origins_are_scheme_and_host_in_lower_case() {
    let shown = |text: &str| text.parse::<Origin>().map(|origin| origin.to_string());
    assert_eq!(
        shown("HTTPS://Shop.example.com:8443"),
        Ok("https://shop.example.com:8443".into())
    );
    assert_eq!(shown("http://[::1]:3000"), Ok("http://[::1]:3000".into()));
    assert_eq!(shown("*"), Ok("*".into()));
    for text in [
        "https://shop.example.com/",
        "https://shop.example.com/x",
        "http://a?b",
    ] {
        assert_eq!(shown(text), Err(OriginFault::Path), "{text}");
    }
    for text in [
        "",
        "shop",
        "shop.example.com",
        "null",
        "/x",
        "ftp://a",
        "https://",
        "https://*.a.com",
        "https://me@a.com",
        "https://a b",
        "file:///x",
        "https://a\r\nx: y",
    ] {
        assert_eq!(shown(text), Err(OriginFault::Form), "{text}");
    }
}
