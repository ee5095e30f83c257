//! YAML text -> a small tree that knows the line of everything. JSON is YAML.
//!
//! It refuses what a reviewer cannot follow or a machine could be hurt by: anchors and aliases, tags, further documents,
//! keys that are no text, depth, size. Scalars stay text: what they mean is for whoever knows what is wanted there.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::faults::Faults;

/// Bytes of a policy file.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// Lists and mappings inside each other; the deepest that means anything is 6.
const MAX_DEPTH: usize = 16;

/// Values and keys.
const MAX_NODES: usize = 100_000;

/// A value and where it begins.
#[derive(Debug)]
pub(crate) struct Node {
    pub line: usize,
    pub value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    /// Text; `plain` is without quotes, so that other readers could take it for a number or a boolean.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub line: usize,
    pub key: String,
    pub node: Node,
}

impl Node {
    /// What it is, for messages.
    pub(crate) fn described(&self) -> &'static str {
        match &self.value {
            Value::Scalar { text, plain: true } if is_null(text) => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if is_null(text))
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Reads one document; `None` when its syntax or size make it unusable, which is then among the faults.
pub(crate) fn parse(text: &str, schema: &str, faults: &mut Faults) -> Option<Node> {
    let mut builder = Builder {
        open: Vec::new(),
        root: None,
        nodes: 0,
        documents: 0,
        faults,
    };
    let mut parser = Parser::new_from_str(text);
    loop {
        match parser.next_event() {
            None => break,
            Some(Ok((event, span))) => {
                if !builder.take(event, span) {
                    return None;
                }
            }
            Some(Err(error)) => {
                builder.syntax(&error, text);
                return None;
            }
        }
    }
    let found = builder.root.take();
    if found.as_ref().is_none_or(Node::is_null) {
        faults
            .add(1, "the file says nothing")
            .hint(format!("begin with `schema: {schema}`"));
        return None;
    }
    found
}

/// A list or mapping that has not ended.
enum Open {
    List(usize, Vec<Node>),
    /// Line, entries, and the key whose value comes next.
    Map(usize, Vec<Entry>, Option<(usize, String)>),
}

struct Builder<'f> {
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
    faults: &'f mut Faults,
}

impl Builder<'_> {
    /// Adds an event; `false` when the rest is not worth reading.
    fn take(&mut self, event: Event<'_>, span: Span) -> bool {
        let line = span.start.line();
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(line, anchor, tag.is_some());
                let value = Value::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                };
                self.add(Node { line, value })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(line, anchor, tag.is_some());
                self.begin(line, Open::List(line, Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(line, anchor, tag.is_some());
                self.begin(line, Open::Map(line, Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(_) => {
                self.refuse_alias(line);
                let value = Value::Scalar {
                    text: "*".to_owned(),
                    plain: false,
                };
                self.add(Node { line, value })
            }
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.faults
                        .add(line, "a second document begins")
                        .hint("the file is one document: remove the line `---`");
                }
                self.documents == 1
            }
            _ => true,
        }
    }

    fn refuse_extras(&mut self, line: usize, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.faults
                .add(line, "anchors (`&name`) are not accepted")
                .hint("say it where it is meant, so that every line can be read on its own");
        }
        if tagged {
            self.faults
                .add(line, "tags (`!name`) are not accepted")
                .hint("quote the text if it begins with `!`");
        }
    }

    fn refuse_alias(&mut self, line: usize) {
        self.faults
            .add(line, "aliases (`*name`) are not accepted")
            .hint(ALIAS_HINT);
    }

    fn begin(&mut self, line: usize, open: Open) -> bool {
        if self.open.len() == MAX_DEPTH {
            self.faults
                .add(line, format!("nested more than {MAX_DEPTH} deep"))
                .hint("nothing that means anything is deeper than six");
            return false;
        }
        self.open.push(open);
        true
    }

    fn end(&mut self) -> bool {
        match self.open.pop() {
            Some(Open::List(line, list)) => self.add(Node {
                line,
                value: Value::List(list),
            }),
            Some(Open::Map(line, map, _)) => self.add(Node {
                line,
                value: Value::Map(map),
            }),
            None => true,
        }
    }

    fn add(&mut self, node: Node) -> bool {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.faults
                .add(node.line, format!("more than {MAX_NODES} values"));
            return false;
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, list)) => list.push(node),
            Some(Open::Map(_, map, key)) => match (key.take(), node) {
                (Some((line, key)), node) => map.push(Entry { line, key, node }),
                (
                    None,
                    Node {
                        line,
                        value: Value::Scalar { text, .. },
                    },
                ) => *key = Some((line, text)),
                (None, node) => {
                    let what = node.described();
                    *key = Some((node.line, String::new()));
                    self.faults
                        .add(node.line, format!("{what} stands where a key belongs"))
                        .hint("quote text that begins with `{`, `[`, `*`, `&` or `!`");
                }
            },
        }
        true
    }

    fn syntax(&mut self, error: &ScanError, text: &str) {
        let line = error.marker().line().max(1);
        self.faults.add(line, format!("no YAML: {}", error.info()));
        let written = text.lines().nth(line - 1).unwrap_or_default();
        if [": *", "- *", "[*"]
            .iter()
            .any(|sign| written.contains(sign))
        {
            self.faults.hint(ALIAS_HINT);
        } else if written.contains('\t') {
            self.faults.hint("indent with spaces, not with tabs");
        }
    }
}

const ALIAS_HINT: &str = "quote patterns that begin with `*`: `\"*\"`, `\"*/cart\"`";
