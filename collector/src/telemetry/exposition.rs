//! Prometheus text format 0.0.4 and OpenMetrics 1.0, from the same families.
//!
//! They differ in little: where `_total` belongs to the name of a family, how a text ends, and exemplars, which only
//! OpenMetrics has. Label values come from whoever can send a span: they are escaped, never interpreted.

use std::fmt::Write as _;

/// What a scraper asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus text, version 0.0.4.
    Text,
    /// OpenMetrics text, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The format that an `Accept` header prefers: OpenMetrics when it is named at all, as Prometheus does.
    pub(crate) fn accepted(accept: &str) -> Self {
        match accept.contains("application/openmetrics-text") {
            true => Self::OpenMetrics,
            false => Self::Text,
        }
    }

    /// The content type of an answer.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows; its samples end in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bounds.
    Histogram,
}

/// A label and its value.
pub(crate) type Label<'a> = (&'a str, &'a str);

/// A trace that shows what a sample counts.
pub(crate) type Exemplar<'a> = Option<&'a str>;

/// Families written one after the other; all samples of one stand together, as both formats ask.
#[derive(Debug)]
pub(crate) struct Exposition {
    format: Format,
    text: String,
    name: &'static str,
}

impl Exposition {
    pub(crate) const fn new(format: Format) -> Self {
        Self {
            format,
            text: String::new(),
            name: "",
        }
    }

    /// Begins a family. The name of a counter is given without `_total`.
    pub(crate) fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        self.name = name;
        let suffix = match (self.format, kind) {
            (Format::Text, Kind::Counter) => "_total",
            _ => "",
        };
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.line(format_args!("# HELP {name}{suffix} {help}"));
        self.line(format_args!("# TYPE {name}{suffix} {kind}"));
    }

    /// A sample of a counter.
    pub(crate) fn counter(&mut self, labels: &[Label<'_>], value: f64) {
        self.counter_with(labels, value, None);
    }

    /// The same with an example.
    pub(crate) fn counter_with(&mut self, labels: &[Label<'_>], value: f64, trace: Exemplar<'_>) {
        let labels = rendered(labels, None);
        let name = self.name;
        match trace.filter(|_| self.format == Format::OpenMetrics) {
            Some(trace) => {
                let trace = escaped(trace);
                self.line(format_args!(
                    "{name}_total{labels} {value} # {{traceID=\"{trace}\"}} 1"
                ));
            }
            None => self.line(format_args!("{name}_total{labels} {value}")),
        }
    }

    /// A sample of a gauge.
    pub(crate) fn gauge(&mut self, labels: &[Label<'_>], value: f64) {
        let labels = rendered(labels, None);
        let name = self.name;
        self.line(format_args!("{name}{labels} {value}"));
    }

    /// A histogram: counts at or below each bound, the count of all, and their sum.
    pub(crate) fn histogram(
        &mut self,
        labels: &[Label<'_>],
        at_most: &[(f64, u64)],
        (count, sum): (u64, f64),
    ) {
        let name = self.name;
        for (bound, count) in at_most {
            let labels = rendered(labels, Some(&format!("{bound:?}")));
            self.line(format_args!("{name}_bucket{labels} {count}"));
        }
        let all = rendered(labels, Some("+Inf"));
        self.line(format_args!("{name}_bucket{all} {count}"));
        let labels = rendered(labels, None);
        self.line(format_args!("{name}_sum{labels} {sum}"));
        self.line(format_args!("{name}_count{labels} {count}"));
    }

    /// The whole text.
    pub(crate) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.line(format_args!("# EOF"));
        }
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("writing into a text cannot fail");
    }
}

fn rendered(labels: &[Label<'_>], bound: Option<&str>) -> String {
    let labels = labels
        .iter()
        .copied()
        .chain(bound.map(|bound| ("le", bound)));
    let labels = labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
    let labels: Vec<String> = labels.collect();
    match labels.is_empty() {
        true => String::new(),
        false => format!("{{{}}}", labels.join(",")),
    }
}

/// A label value between quotes: both formats know these three escapes and no other.
fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(format: Format) -> String {
        let mut exposition = Exposition::new(format);
        exposition.family("calls", Kind::Counter, "Calls\nof all.");
        exposition.counter_with(&[("client", "a\"b\\c\nd")], 3.0, Some("0af7"));
        exposition.family("open", Kind::Gauge, "Open.");
        exposition.gauge(&[], 0.5);
        exposition.family("took_seconds", Kind::Histogram, "Took.");
        exposition.histogram(&[("client", "a")], &[(0.002, 1), (15.0, 2)], (3, 20.5));
        exposition.finish()
    }

    #[test]
    fn both_formats_name_and_escape_as_they_should() {
        let text = "\
# HELP calls_total Calls\\nof all.
# TYPE calls_total counter
calls_total{client=\"a\\\"b\\\\c\\nd\"} 3
# HELP open Open.
# TYPE open gauge
open 0.5
# HELP took_seconds Took.
# TYPE took_seconds histogram
took_seconds_bucket{client=\"a\",le=\"0.002\"} 1
took_seconds_bucket{client=\"a\",le=\"15.0\"} 2
took_seconds_bucket{client=\"a\",le=\"+Inf\"} 3
took_seconds_sum{client=\"a\"} 20.5
took_seconds_count{client=\"a\"} 3
";
        assert_eq!(made(Format::Text), text);
        let open = text
            .replace("HELP calls_total", "HELP calls")
            .replace("TYPE calls_total", "TYPE calls")
            .replace(
                "} 3\n# HELP open",
                "} 3 # {traceID=\"0af7\"} 1\n# HELP open",
            );
        assert_eq!(made(Format::OpenMetrics), format!("{open}# EOF\n"));
    }

    #[test]
    fn openmetrics_is_for_those_who_ask() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3";
        assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
        assert_eq!(Format::accepted("*/*"), Format::Text);
    }
}
