//! Reads a page of metrics in the text format of Prometheus.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::Fault;

/// One line of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Name of the metric.
    pub name: String,
    /// Names and values of its labels.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: f64,
}

impl Sample {
    /// The value of a label; empty when it has none.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        let found = self.labels.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// The page `/metrics` of a server.
///
/// # Errors
/// When it cannot be had.
pub fn scrape(from: SocketAddr) -> Result<Vec<Sample>, Fault> {
    let mut stream = TcpStream::connect(from)?;
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {from}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if !head.lines().next().unwrap_or_default().contains(" 200 ") {
        return Err(format!("{from}/metrics: {head}").into());
    }
    Ok(parse(body))
}

/// Sum of the samples of one name that have all these labels.
#[must_use]
pub fn sum(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let is_meant = |sample: &&Sample| {
        let mut labels = labels.iter();
        sample.name == name && labels.all(|(label, value)| sample.label(label) == *value)
    };
    let meant = samples.iter().filter(is_meant);
    meant.map(|sample| sample.value).sum()
}

/// Lines that are no samples are passed over.
fn parse(page: &str) -> Vec<Sample> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(sample).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, rest) = series.split_once('{').unwrap_or((series, ""));
    Some(Sample {
        name: name.to_owned(),
        labels: labels(rest.strip_suffix('}').unwrap_or_default()),
        value: value.parse().ok()?,
    })
}

/// `a="b",c="d"`, with escapes in the values.
fn labels(mut text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some((name, rest)) = text.split_once("=\"") {
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, other)) => value.push(other),
                    None => break,
                },
                other => value.push(other),
            }
        }
        found.push((name.trim_start_matches(',').to_owned(), value));
        text = rest.get(end..).unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels_and_comments_are_not() {
        let page = "# HELP a b\na{x=\"1\",y=\"a \\\"b\\\\ c\"} 2\na{x=\"2\"} 3.5\nb 4\n\n";
        let samples = parse(page);
        assert_eq!(samples.len(), 3);
        assert_eq!(samples[0].label("y"), "a \"b\\ c");
        assert_eq!(samples[0].label("z"), "");
        assert!((sum(&samples, "a", &[]) - 5.5).abs() < 1e-9);
        assert!((sum(&samples, "a", &[("x", "2")]) - 3.5).abs() < 1e-9);
        assert!((sum(&samples, "b", &[]) - 4.0).abs() < 1e-9);
    }
}
