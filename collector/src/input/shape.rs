//! Which trace format a JSON object has, by its keys alone.
//!
//! Looks at the keys of the object, and where they leave it open at those of the first object within. Reads no more of it
//! than is needed to tell, nests to a fixed depth, and takes text that is cut off: nothing here says that it is JSON.

/// What an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An OTLP export request, or a lone `ResourceSpans`.
    Otlp,
    /// One Zipkin span.
    ZipkinSpan,
    /// Jaeger traces, or one.
    JaegerTraces,
    /// One Jaeger span, as Elasticsearch keeps it.
    JaegerSpan,
}

/// The shape of an object; `None` when its keys say nothing. Log lines name traces and spans as well, so an id alone is no
/// proof.
pub(super) fn shape_of(object: &[u8]) -> Option<Shape> {
    if let Some(shape) = shape_of_jaeger(object) {
        return Some(shape);
    }
    let (mut has_trace_id, mut has_id) = (false, false);
    let (mut is_empty_answer, mut has_limit) = (false, false);
    for (key, value) in keys(object) {
        match key {
            b"resourceSpans"
            | b"resource_spans"
            | b"scopeSpans"
            | b"scope_spans"
            | b"instrumentationLibrarySpans" => return Some(Shape::Otlp),
            b"localEndpoint" => return Some(Shape::ZipkinSpan),
            b"traceId" => has_trace_id = is_hex(value),
            b"id" => has_id = is_hex(value),
            b"spanId" => return None,
            b"_source" => return shape_of_jaeger(value).map(|_| Shape::JaegerSpan),
            b"hits" => return first_hit(value).map(|_| Shape::JaegerTraces),
            b"data" => match first_object(value) {
                Some(first) => return shape_of_jaeger(first).map(|_| Shape::JaegerTraces),
                None => is_empty_answer = is_empty_list(value),
            },
            b"limit" => has_limit = true,
            // What Jaeger says when it found nothing.
            b"errors" if is_empty_answer && has_limit => return Some(Shape::JaegerTraces),
            _ => {}
        }
        if has_trace_id && has_id {
            return Some(Shape::ZipkinSpan);
        }
    }
    None
}

/// The shape of a Jaeger trace or span.
fn shape_of_jaeger(object: &[u8]) -> Option<Shape> {
    let (mut has_trace_id, mut has_span_id, mut is_span) = (false, false, false);
    let (mut has_spans, mut has_processes) = (false, false);
    for (key, _) in keys(object) {
        match key {
            // The first key of most OTLP files; the rest of them is long.
            b"resourceSpans" => return None,
            b"traceID" => has_trace_id = true,
            b"spanID" => has_span_id = true,
            b"operationName" | b"startTime" | b"process" | b"processID" => is_span = true,
            b"spans" => has_spans = true,
            b"processes" => has_processes = true,
            _ => {}
        }
        if has_spans && (has_trace_id || has_processes) {
            return Some(Shape::JaegerTraces);
        }
        if has_trace_id && has_span_id && is_span {
            return Some(Shape::JaegerSpan);
        }
    }
    None
}

/// A text of hex digits, at least one.
fn is_hex(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"\"").unwrap_or_default();
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    count > 0 && digits.get(count) == Some(&b'"')
}

/// The first document that Elasticsearch found, if it is a span: `{"hits": [{"_source": ..}]}`.
fn first_hit(value: &[u8]) -> Option<Shape> {
    let (_, hits) = keys(value).find(|(key, _)| *key == b"hits")?;
    let (_, source) = keys(first_object(hits)?).find(|(key, _)| *key == b"_source")?;
    shape_of_jaeger(source)
}

fn first_object(value: &[u8]) -> Option<&[u8]> {
    let first = value.strip_prefix(b"[")?.trim_ascii_start();
    first.starts_with(b"{").then_some(first)
}

fn is_empty_list(value: &[u8]) -> bool {
    let rest = value.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    rest.is_some_and(|rest| rest.starts_with(b"]"))
}

/// The keys of an object, each with everything from its value on. Ends at the first thing that is not as JSON has it.
fn keys(object: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = object.strip_prefix(b"{").unwrap_or_default();
    // Skipping a value costs its length, so it is put off until the next key is asked for.
    let mut value: Option<&[u8]> = None;
    std::iter::from_fn(move || {
        if let Some(value) = value.take() {
            rest = after_value(value)?.trim_ascii_start().strip_prefix(b",")?;
        }
        let name = rest.trim_ascii_start().strip_prefix(b"\"")?;
        let length = text_length(name)?;
        let (key, behind) = (name.get(..length)?, name.get(length + 1..)?);
        let found = behind.trim_ascii_start().strip_prefix(b":")?;
        let found = found.trim_ascii_start();
        value = Some(found);
        Some((key, found))
    })
}

/// Bytes of a text up to its closing quote.
fn text_length(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    text.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    })
}

/// What follows the value at the start.
fn after_value(value: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match value.get(at)? {
            b'"' => at += text_length(value.get(at + 1..)?)? + 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return value.get(at..),
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return value.get(at..),
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(text: &str) -> Option<Shape> {
        shape_of(text.as_bytes())
    }

    #[test]
    fn objects_are_known_by_their_keys() {
        use Shape::{JaegerSpan, JaegerTraces, Otlp, ZipkinSpan};
        let cases = [
            (r#"{"resourceSpans":[]}"#, Some(Otlp)),
            (r#"{ "x" : "}\"" , "scope_spans" : null }"#, Some(Otlp)),
            (r#"{"traceId":"1","id":"2"}"#, Some(ZipkinSpan)),
            (r#"{"id":"2","name":"a","traceId":"1"}"#, Some(ZipkinSpan)),
            (r#"{"localEndpoint":{}}"#, Some(ZipkinSpan)),
            (r#"{"traceId":"1","spanId":"2"}"#, None),
            (r#"{"traceId":"1","message":"a"}"#, None),
            (r#"{"traceId":"1","id":7}"#, None),
            (r#"{"traceId":"1","id":"row 7"}"#, None),
            (
                r#"{"data":[{"traceID":"1","spans":[]}]}"#,
                Some(JaegerTraces),
            ),
            (
                r#"{"data": [ {"spans":[],"processes":{}}]}"#,
                Some(JaegerTraces),
            ),
            (
                r#"{"data":[],"total":0,"limit":0,"offset":0,"errors":null}"#,
                Some(JaegerTraces),
            ),
            (r#"{"data":[],"total":0}"#, None),
            (r#"{"data":[{"id":1}],"limit":0,"errors":null}"#, None),
            (r#"{"data":[[{"traceID":"1"}]]}"#, None),
            (r#"{"traceID":"1","spans":[]}"#, Some(JaegerTraces)),
            (
                r#"{"processes":{},"traceID":"1","spans":[]}"#,
                Some(JaegerTraces),
            ),
            (
                r#"{"traceID":"1","spanID":"2","startTime":3}"#,
                Some(JaegerSpan),
            ),
            (r#"{"traceID":"1","spanID":"2"}"#, None),
            (r#"{"traceID":"1"}"#, None),
            (
                r#"{"_index":"i","_source":{"traceID":"1","spanID":"2","operationName":"a"}}"#,
                Some(JaegerSpan),
            ),
            (r#"{"_index":"i","_source":{"traceID":"1"}}"#, None),
            (r#"{"_source":{"message":"1"}}"#, None),
            (
                r#"{"hits":{"hits":[{"_id":"1","_source":{"traceID":"1","spanID":"2","process":{}}}]}}"#,
                Some(JaegerTraces),
            ),
            (r#"{"hits":[]}"#, None),
            (r#"{"message":"\"traceID\": 1"}"#, None),
            ("{}", None),
            ("7", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(shape(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_beginning_is_enough() {
        let whole = r#"{"data":[{"traceID":"1","spans":[{"traceID":"1","spanID":"2"}]}]}"#;
        let whole = whole.as_bytes();
        let known = (0..whole.len()).filter(|length| shape_of(&whole[..*length]).is_some());
        assert_eq!(known.min(), Some(32));
    }

    #[test]
    fn depth_is_harmless() {
        let deep = r#"{"_source":"#.repeat(500_000);
        assert_eq!(shape(&deep), None);
        assert_eq!(
            shape(&format!(r#"{{"a":{},"traceID":1}}"#, "[".repeat(500_000))),
            None
        );
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in r#"[{}\[\],:"\\ a]{0,60}|\{("(data|hits|_source|spans)":[\[{]{0,3}){0,5}"#) {
            let _shape = shape(&text);
        }
    }
}
