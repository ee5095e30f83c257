//! How long servers keep an idle connection, by the language of their SDK: what is known of the frameworks most used with it,
//! the shortest where they differ. A table to override (`services[].keepalive` of the policy).

use std::collections::BTreeMap;

/// What a language tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keepalive {
    /// Closes idle connections after so many milliseconds.
    After(u64),
    /// Leaves them open.
    Never,
}

/// `telemetry.sdk.language` -> what its servers do by default.
const LANGUAGES: [(&str, Keepalive); 9] = [
    // Kestrel, 130 s.
    ("dotnet", Keepalive::After(130_000)),
    // Cowboy.
    ("erlang", Keepalive::After(60_000)),
    // `net/http` has no idle timeout unless one is set.
    ("go", Keepalive::Never),
    // Tomcat 20 s; Jetty 30 s; Netty none.
    ("java", Keepalive::After(20_000)),
    // `http.Server.keepAliveTimeout`.
    ("nodejs", Keepalive::After(5_000)),
    // Apache 5 s.
    ("php", Keepalive::After(5_000)),
    // gunicorn 2 s; uvicorn 5 s.
    ("python", Keepalive::After(2_000)),
    // Puma.
    ("ruby", Keepalive::After(20_000)),
    // hyper.
    ("rust", Keepalive::Never),
];

/// Of the languages of a service the one that closes first; `None` when one of them is not in the table, or none is known.
pub(super) fn of_languages(languages: &BTreeMap<String, u64>) -> Option<Keepalive> {
    let each: Option<Vec<Keepalive>> = languages
        .keys()
        .map(|language| of_language(language))
        .collect();
    each?.into_iter().min_by_key(|keepalive| match keepalive {
        Keepalive::After(ms) => *ms,
        Keepalive::Never => u64::MAX,
    })
}

fn of_language(language: &str) -> Option<Keepalive> {
    let mut table = LANGUAGES.iter();
    table.find_map(|(name, keepalive)| name.eq_ignore_ascii_case(language).then_some(*keepalive))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_that_closes_first_decides() {
        let of = |languages: &[&str]| {
            let languages = languages.iter().map(|name| ((*name).to_owned(), 1));
            of_languages(&languages.collect())
        };
        assert_eq!(
            of(&["nodejs", "python", "go"]),
            Some(Keepalive::After(2_000))
        );
        assert_eq!(of(&["go"]), Some(Keepalive::Never));
        assert_eq!(of(&["nodejs", "cobol"]), None);
        assert_eq!(of(&[]), None);
    }
}
