//! Bearer tokens: who may send.
//!
//! Only digests are kept, so that no dump, log or error can show a token, and they are compared in constant time.

use std::fmt;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Shortest token: fewer characters can be guessed.
const LEAST_CHARACTERS: usize = 16;

/// The tokens of which a request must bring one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    digests: Vec<[u8; 32]>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} tokens", self.digests.len())
    }
}

/// Why a file holds no tokens. Never tells what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenFault {
    #[error("it holds no token: write one per line")]
    None,
    #[error(
        "line {0}: a token has at least {LEAST_CHARACTERS} characters out of letters, digits and `-._~+/=`"
    )]
    Line(usize),
}

impl Tokens {
    /// Reads one token per line; empty lines and lines that start with `#` are skipped.
    pub(crate) fn parse(text: &str) -> Result<Self, TokenFault> {
        let mut digests = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let token = line.trim();
            if token.is_empty() || token.starts_with('#') {
                continue;
            }
            if token.len() < LEAST_CHARACTERS || !token.bytes().all(is_token_byte) {
                return Err(TokenFault::Line(index + 1));
            }
            digests.push(digest(token.as_bytes()));
        }
        if digests.is_empty() {
            return Err(TokenFault::None);
        }
        Ok(Self { digests })
    }

    /// True when a request has one of the tokens.
    pub(super) fn admit(&self, headers: &HeaderMap) -> bool {
        headers
            .get(AUTHORIZATION)
            .and_then(bearer)
            .is_some_and(|token| self.contains(token))
    }

    /// Looks at every digest, whichever matches.
    fn contains(&self, token: &[u8]) -> bool {
        let asked = digest(token);
        let found = self.digests.iter().fold(Choice::from(0), |found, known| {
            found | known.as_slice().ct_eq(asked.as_slice())
        });
        bool::from(found)
    }
}

/// The characters of RFC 6750.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

/// The token in `Bearer TOKEN`; the name of the scheme is not case-sensitive.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(b"bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0123456789abcdef";
    const OTHER: &str = "fedcba9876543210==";

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn each_token_of_a_file_is_taken_and_nothing_else() {
        let file = format!("# senders\n\n{ONE}\n  {OTHER}  \n");
        let tokens = Tokens::parse(&file).unwrap();
        for good in [
            format!("Bearer {ONE}"),
            format!("bearer {OTHER}"),
            format!("BEARER   {ONE} "),
        ] {
            assert!(tokens.admit(&headers(&good)), "{good}");
        }
        for bad in [
            ONE.to_owned(),
            format!("Basic {ONE}"),
            format!("Bearer {ONE}0"),
            "Bearer 0123456789abcde".to_owned(),
            "Bearer ".to_owned(),
            "Bearer".to_owned(),
            format!("Bearer {ONE} {OTHER}"),
            "Bearer # senders".to_owned(),
        ] {
            assert!(!tokens.admit(&headers(&bad)), "{bad}");
        }
        assert!(!tokens.admit(&HeaderMap::new()));
    }

    #[test]
    fn files_without_tokens_and_guessable_tokens_are_faults_that_tell_no_token() {
        assert_eq!(Tokens::parse("# none\n"), Err(TokenFault::None));
        for bad in [
            "short",
            "sixteen letters and blanks",
            "0123456789abcd\u{e9}f",
        ] {
            let fault = Tokens::parse(&format!("{ONE}\n{bad}\n")).unwrap_err();
            assert_eq!(fault, TokenFault::Line(2));
            assert!(!fault.to_string().contains(bad));
        }
        let shown = format!("{:?}", Tokens::parse(ONE).unwrap());
        assert_eq!(shown, "1 tokens");
    }
}
