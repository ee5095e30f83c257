//! What captured HTTP headers show: the one family of attributes whose keys are not a closed list.
//!
//! SDKs capture headers only where a user asks for them (`http.request.header.<name>`), so what is not here proves nothing.
//! Of the values nothing is kept: they may be secrets. Only the name of the virtual host is, to compare it with the
//! dialled one.

use super::KeyAliases;

/// One direction of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderSide {
    /// `http.request.header.`
    Request,
    /// `http.response.header.`
    Response,
}

/// Facts about the captured headers of a span.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// Header lines of the request.
    pub request_lines: u32,
    /// Bytes of their names and values.
    pub request_bytes: u64,
    /// Header lines of the response.
    pub response_lines: u32,
    /// Some name has an upper-case letter, as it was on the wire.
    pub has_mixed_case: bool,
    /// `Expect: 100-continue` in the request.
    pub expects_continue: bool,
    /// A header of the request signs others.
    pub is_signed: bool,
    /// The response is a stream of server-sent events.
    pub is_event_stream: bool,
    /// The `Host` of the request.
    pub host: Option<String>,
}

/// Headers that sign others, or carry what a signature covers.
const SIGNATURES: [&str; 7] = [
    "signature",
    "signature-input",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-signature",
];

/// A Host longer than any DNS name with a port is none.
const MAX_HOST: usize = 262;

impl Headers {
    /// The direction and the name of the header that an attribute captured.
    #[must_use]
    pub fn name_of(key: &str) -> Option<(HeaderSide, &str)> {
        let rest = key.strip_prefix("http.re")?;
        if let Some(name) = rest.strip_prefix("quest.header.") {
            return Some((HeaderSide::Request, name));
        }
        let name = rest.strip_prefix("sponse.header.")?;
        Some((HeaderSide::Response, name))
    }

    /// Notes one line. Old SDKs wrote `_` for `-` in names.
    pub fn line(&mut self, side: HeaderSide, name: &str, value: &str) {
        self.has_mixed_case |= name.bytes().any(|byte| byte.is_ascii_uppercase());
        let is = |wanted: &str| is_name(name, wanted);
        match side {
            HeaderSide::Response => {
                self.response_lines = self.response_lines.saturating_add(1);
                let is_stream = || starts_with(value, "text/event-stream");
                self.is_event_stream |= is("content-type") && is_stream();
            }
            HeaderSide::Request => {
                self.request_lines = self.request_lines.saturating_add(1);
                let bytes = name.len().saturating_add(value.len()) as u64;
                self.request_bytes = self.request_bytes.saturating_add(bytes);
                self.expects_continue |= is("expect") && starts_with(value, "100-continue");
                self.is_signed |= SIGNATURES.iter().any(|signature| is(signature))
                    || (is("authorization") && is_signed_scheme(value));
                if is("host") && self.host.is_none() && value.len() <= MAX_HOST {
                    self.host = Some(value.to_owned());
                }
            }
        }
    }

    /// True when no header was captured.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.request_lines == 0 && self.response_lines == 0
    }
}

impl KeyAliases {
    /// The header that an attribute captured, unless the name of the attribute means something else.
    #[must_use]
    pub fn header<'a>(&self, name: &'a str) -> Option<(HeaderSide, &'a str)> {
        let header = Headers::name_of(name)?;
        self.lookup(name).is_none().then_some(header)
    }
}

fn is_name(name: &str, wanted: &str) -> bool {
    let dashed = |byte: u8| match byte {
        b'_' => b'-',
        byte => byte.to_ascii_lowercase(),
    };
    name.len() == wanted.len() && name.bytes().map(dashed).eq(wanted.bytes())
}

fn starts_with(value: &str, wanted: &str) -> bool {
    let start = value.trim_start().get(..wanted.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(wanted))
}

/// Schemes of `Authorization` that sign the request, headers included.
fn is_signed_scheme(value: &str) -> bool {
    ["AWS4-", "Signature ", "HMAC"]
        .iter()
        .any(|scheme| starts_with(value, scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::default();
        for (key, value) in lines {
            let (side, name) = Headers::name_of(key).unwrap();
            headers.line(side, name, value);
        }
        headers
    }

    #[test]
    fn only_the_two_prefixes_are_headers() {
        for key in [
            "http.request.method",
            "http.response.status_code",
            "http.re",
            "",
        ] {
            assert_eq!(Headers::name_of(key), None, "{key}");
        }
    }

    #[test]
    fn names_are_known_in_any_spelling() {
        let headers = of(&[
            ("http.request.header.Expect", "100-Continue"),
            (
                "http.response.header.content_type",
                "text/event-stream; charset=utf-8",
            ),
            (
                "http.request.header.authorization",
                "AWS4-HMAC-SHA256 Credential=x",
            ),
            ("http.request.header.host", "cart:8080"),
        ]);
        assert!(headers.expects_continue && headers.is_event_stream && headers.is_signed);
        assert!(headers.has_mixed_case);
        assert_eq!(headers.host.as_deref(), Some("cart:8080"));
        assert_eq!((headers.request_lines, headers.response_lines), (3, 1));
    }

    #[test]
    fn plain_headers_show_nothing() {
        let headers = of(&[
            ("http.request.header.content-type", "text/event-stream"),
            ("http.response.header.expect", "100-continue"),
            ("http.request.header.authorization", "Bearer Signature"),
        ]);
        let nothing = Headers {
            request_lines: 2,
            request_bytes: headers.request_bytes,
            response_lines: 1,
            ..Headers::default()
        };
        assert_eq!(headers, nothing);
    }
}
