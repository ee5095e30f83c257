//! YAML text -> tree, for text that [`Node::to_yaml`] wrote, to compare a new generation with an older one.
//!
//! It refuses everything else, and more levels than any generated file has: the files may have been edited since.

use super::Node;

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// The tree of a document; `None` when it is not of the form that this crate writes.
#[must_use]
pub fn read(text: &str) -> Option<Node> {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let content = line.trim_start_matches(' ');
            (line.len() - content.len(), content)
        })
        .collect();
    let mut reader = Reader { lines, at: 0 };
    let node = reader.value(0, 0)?;
    (reader.at == reader.lines.len()).then_some(node)
}

struct Reader<'a> {
    /// Indent and content of each line; the dash of a list element counts as indent once it is passed.
    lines: Vec<(usize, &'a str)>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn line(&self) -> Option<(usize, &'a str)> {
        self.lines.get(self.at).copied()
    }

    fn value(&mut self, indent: usize, depth: usize) -> Option<Node> {
        let (found, content) = self.line()?;
        if found != indent || depth > MAX_DEPTH {
            return None;
        }
        if content.starts_with("- ") {
            self.list(indent, depth)
        } else if entry(content).is_some() {
            self.map(indent, depth)
        } else {
            self.at += 1;
            scalar(content)
        }
    }

    fn list(&mut self, indent: usize, depth: usize) -> Option<Node> {
        let mut elements = Vec::new();
        while let Some((found, content)) = self.line() {
            let Some(rest) = content.strip_prefix("- ").filter(|_| found == indent) else {
                break;
            };
            self.lines[self.at] = (indent + 2, rest);
            elements.push(self.value(indent + 2, depth + 1)?);
        }
        Some(Node::List(elements))
    }

    fn map(&mut self, indent: usize, depth: usize) -> Option<Node> {
        let mut entries = Vec::new();
        while let Some((found, content)) = self.line() {
            if found != indent || content.starts_with("- ") {
                break;
            }
            let (key, rest) = entry(content)?;
            self.at += 1;
            let value = if rest.is_empty() {
                // A list stands below its key, anything else to the right of it.
                let (below, content) = self.line()?;
                let is_list = below == indent && content.starts_with("- ");
                let indent = if is_list { indent } else { indent + 2 };
                self.value(indent, depth + 1)?
            } else {
                scalar(rest)?
            };
            entries.push((key.into(), value));
        }
        Some(Node::Map(entries))
    }
}

/// Key and rest of a line, when it is an entry of a map.
fn entry(content: &str) -> Option<(String, &str)> {
    let (key, rest) = if content.starts_with('"') {
        unquote(content)?
    } else {
        let (key, _) = content.split_once(':')?;
        (key.to_owned(), content.strip_prefix(key)?)
    };
    let rest = rest.strip_prefix(':')?;
    if rest.is_empty() {
        return Some((key, rest));
    }
    Some((key, rest.strip_prefix(' ')?))
}

fn scalar(text: &str) -> Option<Node> {
    match text {
        "true" => Some(Node::Bool(true)),
        "false" => Some(Node::Bool(false)),
        "[]" => Some(Node::List(Vec::new())),
        "{}" => Some(Node::Map(Vec::new())),
        quoted if quoted.starts_with('"') => {
            let (text, rest) = unquote(quoted)?;
            rest.is_empty().then_some(Node::Text(text))
        }
        number => number.parse().ok().map(Node::Number),
    }
}

/// The text of a quoted beginning, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut characters = text.strip_prefix('"')?.chars();
    let mut found = String::new();
    loop {
        match characters.next()? {
            '"' => return Some((found, characters.as_str())),
            '\\' => {
                let digits = match characters.next()? {
                    kept @ ('"' | '\\') => {
                        found.push(kept);
                        continue;
                    }
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => return None,
                };
                let mut code = 0;
                for _ in 0..digits {
                    code = code * 16 + characters.next()?.to_digit(16)?;
                }
                found.push(char::from_u32(code)?);
            }
            plain => found.push(plain),
        }
    }
}
