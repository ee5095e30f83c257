//! Scenario files to rows: the spans of each row, with ids, attributes and times, and the graph it must give.
//!
//! Place in the flow: `fixtures/scenarios/*.txt` -> [`Row`] -> either runner. The notation is described in the README
//! beside the files. A mistake in a file is an error that names the line; nothing is skipped or guessed.

use tracemesh_graph::span::{Link, SpanId, SpanKind, TraceId};

use super::expected::Expected;
use super::layout;

/// One scenario.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// `X13`.
    pub(crate) id: String,
    /// What the row is about.
    pub(crate) title: String,
    /// Spans in arrival order.
    pub(crate) spans: Vec<Span>,
    /// The graph they must give.
    pub(crate) expected: Expected,
}

impl Row {
    /// Id, title and spans, as a failure shows them.
    pub(crate) fn headline(&self) -> String {
        let spans: Vec<&str> = self.spans.iter().map(|span| span.text.as_str()).collect();
        let (id, title) = (&self.id, &self.title);
        format!("{id}  {title}\n    spans     {}\n", spans.join(" "))
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// Digits alone.
    Int(i64),
    /// Anything else.
    Text(String),
}

/// One span with its own resource.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// The span as written in the file.
    pub(crate) text: String,
    /// `service.name`, if the resource has one.
    pub(crate) service: Option<String>,
    /// Resource attributes, `service.name` included.
    pub(crate) resource: Vec<(String, Scalar)>,
    /// Trace id, made from the trace's name.
    pub(crate) trace_id: TraceId,
    /// Span id, made from the id's text.
    pub(crate) span_id: SpanId,
    /// Parent span id.
    pub(crate) parent_id: Option<SpanId>,
    /// Kind.
    pub(crate) kind: SpanKind,
    /// Span name.
    pub(crate) name: String,
    /// W3C `tracestate`.
    pub(crate) trace_state: String,
    /// Span attributes by their real keys.
    pub(crate) attributes: Vec<(String, Scalar)>,
    /// Links in order.
    pub(crate) links: Vec<Link>,
    /// Status ERROR.
    pub(crate) is_error: bool,
    /// The span that contains this one in time, when it is not the parent.
    pub(crate) within: Option<SpanId>,
    /// Start, nanoseconds since the Unix epoch.
    pub(crate) start_ns: u64,
    /// End, nanoseconds since the Unix epoch.
    pub(crate) end_ns: u64,
}

/// Short forms of attribute keys.
const SHORT_FORMS: &[(&str, &str)] = &[
    ("ps", "peer.service"),
    ("spn", "service.peer.name"),
    ("sa", "server.address"),
    ("sp", "server.port"),
    ("npn", "net.peer.name"),
    ("npp", "net.peer.port"),
    ("npa", "network.peer.address"),
    ("nppo", "network.peer.port"),
    ("dbn", "db.name"),
    ("dbns", "db.namespace"),
    ("dbs", "db.system"),
    ("dbsn", "db.system.name"),
    ("ms", "messaging.system"),
    ("md", "messaging.destination.name"),
    ("mo", "messaging.operation.type"),
    ("url", "url.full"),
    ("hurl", "http.url"),
    ("rc", "http.request.resend_count"),
    ("rsys", "rpc.system"),
    ("rsv", "rpc.service"),
];

/// Reads all rows of a file.
pub(crate) fn parse_rows(file: &str, text: &str) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = |fault: String| format!("{file}:{}: {fault}", index + 1);
        let content = line.trim();
        if content.is_empty() || content == "#" || content.starts_with("# ") {
            continue;
        }
        if !line.starts_with(' ') {
            let (id, title) = content
                .split_once("  ")
                .ok_or_else(|| at("a row starts with its id, two blanks and a title".to_owned()))?;
            if rows.iter().any(|row| row.id == id) {
                return Err(at(format!("row `{id}` exists already")));
            }
            rows.push(Row {
                id: id.to_owned(),
                title: title.trim().to_owned(),
                spans: Vec::new(),
                expected: Expected::default(),
            });
            continue;
        }
        let row = rows
            .last_mut()
            .ok_or_else(|| at("a line before the first row".to_owned()))?;
        parse_line(row, content).map_err(at)?;
    }
    for row in &mut rows {
        finish(row).map_err(|fault| format!("{file}: row `{}`: {fault}", row.id))?;
    }
    Ok(rows)
}

fn parse_line(row: &mut Row, content: &str) -> Result<(), String> {
    if let Some(line) = content.strip_prefix("= ") {
        row.expected.parse_line(line)
    } else if let Some(line) = content.strip_prefix("later: ") {
        row.expected.parse_later(line)
    } else {
        for token in content.split_whitespace() {
            row.spans.push(parse_span(token)?);
        }
        Ok(())
    }
}

fn finish(row: &mut Row) -> Result<(), String> {
    if row.spans.is_empty() {
        return Err("it has no spans".to_owned());
    }
    row.expected.check()?;
    layout::assign_times(&mut row.spans)
}

/// Reads `[trace:]service.Kind#id<parent~trace/id{...}!^@instance%id`.
pub(crate) fn parse_span(text: &str) -> Result<Span, String> {
    let fault = |what: &str| format!("span `{text}`: {what}");
    let (head, tail) = text.split_once('#').ok_or_else(|| fault("no `#id`"))?;
    let (trace, head) = head.split_once(':').unwrap_or(("t1", head));
    let (service, kind) = head.rsplit_once('.').ok_or_else(|| fault("no `.Kind`"))?;
    let (marks, attributes) = match tail.split_once('{') {
        None => (tail.to_owned(), ""),
        Some((before, rest)) => {
            let (inside, after) = rest.split_once('}').ok_or_else(|| fault("no `}`"))?;
            (format!("{before}{after}"), inside)
        }
    };
    let marks = split_marks(&marks);
    let ids = marks.first().ok_or_else(|| fault("no id"))?;
    let mut span = Span {
        text: text.to_owned(),
        service: (service != "-").then(|| service.to_owned()),
        resource: Vec::new(),
        trace_id: trace_id(trace).map_err(|what| fault(&what))?,
        span_id: span_id(&ids.1).map_err(|what| fault(&what))?,
        parent_id: None,
        kind: span_kind(kind).ok_or_else(|| fault("the kind is none of C S P Q I U"))?,
        name: "operation".to_owned(),
        trace_state: String::new(),
        attributes: Vec::new(),
        links: Vec::new(),
        is_error: false,
        within: None,
        start_ns: 0,
        end_ns: 0,
    };
    if let Some(service) = &span.service {
        if service.is_empty() {
            return Err(fault("no service"));
        }
        span.resource
            .push(("service.name".to_owned(), Scalar::Text(service.clone())));
    }
    for (mark, value) in marks.iter().skip(1) {
        apply_mark(&mut span, *mark, value).map_err(|what| fault(&what))?;
    }
    for pair in attributes.split(',').filter(|pair| !pair.is_empty()) {
        apply_attribute(&mut span, pair).map_err(|what| fault(&what))?;
    }
    Ok(span)
}

/// Cuts `2<1~t1/1!` into (`#`, `2`), (`<`, `1`), (`~`, `t1/1`), (`!`, ``).
fn split_marks(text: &str) -> Vec<(char, String)> {
    let mut marks = vec![('#', String::new())];
    for letter in text.chars() {
        if "<~!^@%".contains(letter) {
            marks.push((letter, String::new()));
        } else if let Some((_, value)) = marks.last_mut() {
            value.push(letter);
        }
    }
    marks
}

fn apply_mark(span: &mut Span, mark: char, value: &str) -> Result<(), String> {
    match mark {
        '<' => span.parent_id = Some(span_id(value)?),
        '%' => span.within = Some(span_id(value)?),
        '~' => {
            let (trace, id) = value
                .split_once('/')
                .ok_or("a link is written `~trace/id`")?;
            span.links.push(Link {
                trace_id: trace_id(trace)?,
                span_id: span_id(id)?,
            });
        }
        '@' if !value.is_empty() => span.resource.push((
            "service.instance.id".to_owned(),
            Scalar::Text(value.to_owned()),
        )),
        '!' if value.is_empty() => span.is_error = true,
        // Both halves bear the same id already; the mark is there for the reader.
        '^' if value.is_empty() => {}
        _ => return Err(format!("`{mark}{value}` means nothing")),
    }
    Ok(())
}

fn apply_attribute(span: &mut Span, pair: &str) -> Result<(), String> {
    let (key, value) = pair
        .split_once('=')
        .ok_or_else(|| format!("attribute `{pair}` has no `=`"))?;
    if key == "name" {
        value.clone_into(&mut span.name);
        return Ok(());
    }
    if key == "ts" {
        value.clone_into(&mut span.trace_state);
        return Ok(());
    }
    let scalar = match value.parse() {
        Ok(number) => Scalar::Int(number),
        Err(_) => Scalar::Text(value.to_owned()),
    };
    if let Some(key) = key.strip_prefix('@') {
        span.resource.push((key.to_owned(), scalar));
        return Ok(());
    }
    let long = SHORT_FORMS.iter().find(|(short, _)| *short == key);
    let key = long.map_or(key, |(_, long)| long);
    span.attributes.push((key.to_owned(), scalar));
    Ok(())
}

/// The letters of a kind.
fn span_kind(letter: &str) -> Option<SpanKind> {
    Some(match letter {
        "C" => SpanKind::Client,
        "S" => SpanKind::Server,
        "P" => SpanKind::Producer,
        "Q" => SpanKind::Consumer,
        "I" => SpanKind::Internal,
        "U" => SpanKind::Unspecified,
        _ => return None,
    })
}

/// The text itself, padded with zeros: never all zero, different for different texts, and readable in a dump.
fn span_id(text: &str) -> Result<SpanId, String> {
    let mut id = [0; 8];
    if text.is_empty() || text.len() > id.len() {
        return Err(format!("`{text}` is no id of 1 to 8 bytes"));
    }
    for (place, byte) in id.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    Ok(SpanId(id))
}

/// A high half that is not zero, so that no rule for 64-bit trace ids applies, and the name as the low half.
fn trace_id(name: &str) -> Result<TraceId, String> {
    let mut id = *b"scenario\0\0\0\0\0\0\0\0";
    let low = span_id(name)?.0;
    for (place, byte) in id.iter_mut().skip(8).zip(low) {
        *place = byte;
    }
    Ok(TraceId(id))
}
