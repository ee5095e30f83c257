//! Names what a file is when it is no trace file.

const MAGICS: &[(&[u8], &str)] = &[
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x7fELF", "an ELF program"),
    (b"MZ", "a Windows program"),
    (b"\x1f\x8b", "gzip data inside the compressed file"),
    (b"\x28\xb5\x2f\xfd", "zstd data inside the compressed file"),
    (b"BZh", "bzip2 data; only gzip and zstd are read"),
    (b"\xfd7zXZ\0", "xz data; only gzip and zstd are read"),
    (b"\x04\x22\x4d\x18", "lz4 data; only gzip and zstd are read"),
    (
        b"\xff\x06\0\0sNaPpY",
        "snappy data; only gzip and zstd are read",
    ),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"Obj\x01", "an Avro file"),
    (b"SQLite format 3", "an SQLite database"),
];

/// A phrase that completes "found ...".
pub(crate) fn describe(prefix: &[u8]) -> String {
    if prefix.is_empty() {
        return "an empty file".to_owned();
    }
    let magic = MAGICS.iter().find(|(magic, _)| prefix.starts_with(magic));
    if let Some((_, name)) = magic {
        return (*name).to_owned();
    }
    if prefix.get(257..262) == Some(b"ustar") {
        return "a tar archive; unpack it first".to_owned();
    }
    let is_text = std::str::from_utf8(prefix).map_or_else(
        // A character may be cut off at the end of the prefix.
        |error| error.valid_up_to() > 0 && error.error_len().is_none(),
        |_| true,
    );
    let has_controls = prefix
        .iter()
        .any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace() && *byte != 0x1b);
    match (
        is_text && !has_controls,
        prefix.iter().all(u8::is_ascii_whitespace),
    ) {
        (true, true) => "nothing but white space".to_owned(),
        (true, false) => "text that is not JSON".to_owned(),
        (false, _) => "binary data that is not OTLP protobuf in a known layout".to_owned(),
    }
}
