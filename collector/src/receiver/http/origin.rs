//! Pages of other origins that may send (CORS): none, unless their origins are named.
//!
//! A browser asks before it lets a page send spans to another host. That is for telemetry of browsers alone: other senders
//! do not ask, and nobody is kept out by it. Tokens and certificates hold as without it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::Router;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Method, Uri};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long a browser may remember the answer. Browsers have limits of their own, of hours at most.
const MAX_AGE: Duration = Duration::from_secs(3_600);

/// Whose pages may send: one origin, as in `https://shop.example.com`, or any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// Why a text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginFault {
    /// Scheme and host are not both there.
    #[error("an origin is a scheme and a host, such as `https://shop.example.com`, or `*` for any")]
    Form,
    /// A path, which no browser sends: the origin would never match.
    #[error("an origin ends with the host and its port: leave out the path, and the last `/` too")]
    Path,
}

impl Origin {
    fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

impl FromStr for Origin {
    type Err = OriginFault;

    /// Browsers send scheme and host in lower case, so that is how an origin is kept.
    fn from_str(text: &str) -> Result<Self, OriginFault> {
        if text == "*" {
            return Ok(Self(HeaderValue::from_static("*")));
        }
        let uri: Uri = text.parse().ok().ok_or(OriginFault::Form)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(OriginFault::Form);
        };
        if !matches!(scheme, "http" | "https") || authority.as_str().contains(['@', '*']) {
            return Err(OriginFault::Form);
        }
        if text.len() != scheme.len() + "://".len() + authority.as_str().len() {
            return Err(OriginFault::Path);
        }
        let value = HeaderValue::from_str(&text.to_ascii_lowercase()).ok();
        value.map(Self).ok_or(OriginFault::Form)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// Lets pages of these origins send, whatever headers they add; changes nothing when there is none.
pub(crate) fn open_to(origins: &[Origin], router: Router) -> Router {
    if origins.is_empty() {
        return router;
    }
    let allowed = match origins.iter().any(Origin::is_any) {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(origins.iter().map(|origin| origin.0.clone())),
    };
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([RETRY_AFTER])
        .max_age(MAX_AGE);
    router.layer(layer)
}

#[cfg(test)]
mod tests;
