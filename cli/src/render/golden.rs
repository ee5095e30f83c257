//! Expected artefacts as files, for the tests of renderers.

use std::path::PathBuf;

/// Compares with `fixtures/<kind>/expected/<name>`, or rewrites it when `TRACEMESH_BLESS` is set.
#[track_caller]
pub(crate) fn expect(kind: &str, name: &str, actual: &str) {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let path = fixtures.join(kind).join("expected").join(name);
    #[expect(
        clippy::disallowed_methods,
        reason = "the switch that rewrites expected files"
    )]
    let bless = std::env::var("TRACEMESH_BLESS").is_ok_and(|value| value == "1");
    if bless {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{name} differs; TRACEMESH_BLESS=1 rewrites it:\n{actual}"
    );
}
