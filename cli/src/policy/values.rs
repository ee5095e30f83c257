//! Single values: what people write, checked, in the shape that the policy has.

use jiff::civil::Date;
use tracemesh_graph::egress::{EgressOptions, Host, TargetProtocol};
use tracemesh_graph::policy::ServicePattern;

use super::faults::{Faults, did_you_mean, one_of, shown};
use super::tree::{Node, Value};
use crate::text::unit_ms;

/// Characters of names, reasons and patterns.
const MAX_TEXT: usize = 300;

/// Words that YAML 1.1 or 1.2 takes for something else than text when they are not quoted.
const BOOLEANS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "y", "n"];

/// A value and a description of its place, such as "`owner` of a pin".
pub(super) struct At<'n, 'p> {
    pub node: &'n Node,
    pub place: &'p str,
}

impl<'n> At<'n, '_> {
    /// Text without control characters; what other readers would take for a number or a boolean must be quoted.
    pub(super) fn text(&self, faults: &mut Faults) -> Option<&'n str> {
        let (text, plain) = self.scalar(faults)?;
        let line = self.node.line;
        if plain && is_other_type(text) {
            let message = format!("{} is {}, which is no text", self.place, shown(text));
            faults.add(line, message).hint(format!("write \"{text}\""));
            return None;
        }
        if text.trim() != text || text.is_empty() {
            let what = if text.is_empty() {
                "is empty"
            } else {
                "begins or ends with a blank"
            };
            faults.add(line, format!("{} {what}", self.place));
            return None;
        }
        let length = text.chars().count();
        if length > MAX_TEXT {
            let message = format!(
                "{} has {length} characters; {MAX_TEXT} are allowed",
                self.place
            );
            faults.add(line, message);
            return None;
        }
        if text.chars().any(char::is_control) {
            faults
                .add(line, format!("{} has control characters", self.place))
                .hint("write it on one line, without tabs");
            return None;
        }
        Some(text)
    }

    /// A pattern that names services or other nodes.
    pub(super) fn pattern(&self, faults: &mut Faults) -> Option<ServicePattern> {
        self.text(faults)
            .map(|text| ServicePattern(text.to_owned()))
    }

    /// A whole number without quotes.
    pub(super) fn count(&self, range: (u64, u64), faults: &mut Faults) -> Option<u64> {
        let (text, _) = self.scalar(faults)?;
        let (least, most) = range;
        let number = decimal(text).filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.refuse(text, faults)
                .hint(format!("give a whole number from {least} to {most}"));
        }
        number
    }

    /// `20%`.
    pub(super) fn percent(&self, range: (u64, u64), faults: &mut Faults) -> Option<u64> {
        let (text, _) = self.scalar(faults)?;
        let (least, most) = range;
        let number = text.strip_suffix('%').and_then(decimal);
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.refuse(text, faults)
                .hint(format!("give a share from `{least}%` to `{most}%`"));
        }
        number
    }

    /// `250ms`, `2s`, `5m`, `1h`, in milliseconds.
    pub(super) fn duration_ms(&self, range: (u64, u64), faults: &mut Faults) -> Option<u64> {
        let (text, _) = self.scalar(faults)?;
        let (least, most) = range;
        let number = milliseconds(text).filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.refuse(text, faults).hint(format!(
                "give a whole number and a unit, `250ms`, `2s`, `5m` or `1h`, from {} to {}",
                written_ms(least),
                written_ms(most)
            ));
        }
        number
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, faults: &mut Faults) -> Option<bool> {
        let (text, plain) = self.scalar(faults)?;
        match (text, plain) {
            ("true", true) => return Some(true),
            ("false", true) => return Some(false),
            _ => {}
        }
        let word = text.to_ascii_lowercase();
        self.refuse(text, faults).hint(match word.as_str() {
            "yes" | "on" | "y" | "true" => "write `true`, without quotes",
            "no" | "off" | "n" | "false" => "write `false`, without quotes",
            _ => "write `true` or `false`",
        });
        None
    }

    /// `2026-12-31`.
    pub(super) fn date(&self, faults: &mut Faults) -> Option<Date> {
        let (text, _) = self.scalar(faults)?;
        let date = day(text);
        if date.is_none() {
            self.refuse(text, faults)
                .hint("give a day that exists: `2026-12-31`");
        }
        date
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let (text, _) = self.scalar(faults)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let hint = did_you_mean(text, known.iter().copied());
            self.refuse(text, faults)
                .hint(hint.unwrap_or_else(|| format!("give {}", one_of(&known))));
        }
        found.map(|(_, value)| *value)
    }

    /// A protocol of a target.
    pub(super) fn protocol(&self, faults: &mut Faults) -> Option<TargetProtocol> {
        self.word(&PROTOCOLS, faults)
    }

    /// A port that is not the sidecar's.
    pub(super) fn port(&self, faults: &mut Faults) -> Option<u16> {
        let port = self.count((1, 65_535), faults)?;
        self.free_port(u16::try_from(port).ok()?, faults)
    }

    /// `host:port`, with an IPv6 address in brackets.
    pub(super) fn address(&self, faults: &mut Faults) -> Option<(String, u16)> {
        let text = self.text(faults)?;
        let parts = text.rsplit_once(':').filter(|(host, _)| {
            let bracketed = host.starts_with('[') && host.ends_with(']');
            bracketed || !host.contains([':', '[', ']'])
        });
        let port = parts.and_then(|(_, port)| decimal(port));
        let port = port.and_then(|port| u16::try_from(port).ok());
        let (Some((host, _)), Some(port @ 1..)) = (parts, port) else {
            self.refuse(text, faults).hint(
                "give a host and a port: `cart.shop:8080`, `10.0.0.1:80`, `[2001:db8::1]:80`",
            );
            return None;
        };
        match Host::parse(host, false) {
            Ok(host) => Some((host.to_string(), self.free_port(port, faults)?)),
            Err(fault) => {
                faults.add(
                    self.node.line,
                    format!("{} is {}: {fault}", self.place, shown(text)),
                );
                None
            }
        }
    }

    fn free_port(&self, port: u16, faults: &mut Faults) -> Option<u16> {
        if EgressOptions::default().reserved_ports.contains(&port) {
            let message = format!("{}: port {port} belongs to the sidecar", self.place);
            faults.add(self.node.line, message);
            return None;
        }
        Some(port)
    }

    /// A single value that is there, and whether it is without quotes.
    pub(super) fn scalar(&self, faults: &mut Faults) -> Option<(&'n str, bool)> {
        match &self.node.value {
            _ if self.node.is_null() => {
                faults.add(self.node.line, format!("{} has no value", self.place));
                None
            }
            Value::Scalar { text, plain } => Some((text, *plain)),
            _ => {
                let what = self.node.described();
                faults
                    .add(
                        self.node.line,
                        format!("{} is {what}, not a single value", self.place),
                    )
                    .hint("quote text that begins with `{` or `[`");
                None
            }
        }
    }

    pub(super) fn refuse<'f>(&self, text: &str, faults: &'f mut Faults) -> &'f mut Faults {
        let message = format!("{} cannot be {}", self.place, shown(text));
        faults.add(self.node.line, message)
    }
}

/// Protocols by their names in `egress.json`.
pub(super) const PROTOCOLS: [(&str, TargetProtocol); 6] = [
    ("http1", TargetProtocol::Http1),
    ("http2", TargetProtocol::Http2),
    ("grpc", TargetProtocol::Grpc),
    ("http", TargetProtocol::Http),
    ("tls", TargetProtocol::Tls),
    ("tcp", TargetProtocol::Tcp),
];

/// A day as `YYYY-MM-DD` and in no other form.
pub(super) fn day(text: &str) -> Option<Date> {
    let is_plain = text.len() == 10 && text.is_ascii() && !text.contains(['+', ' ']);
    let date: Date = is_plain.then(|| text.parse().ok())??;
    (date.to_string() == text).then_some(date)
}

/// Milliseconds as people write them.
pub(super) fn written_ms(ms: u64) -> String {
    for (unit, length) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if ms > 0 && ms.is_multiple_of(length) {
            return format!("`{}{unit}`", ms / length);
        }
    }
    format!("`{ms}ms`")
}

fn milliseconds(text: &str) -> Option<u64> {
    let split = text.find(|character: char| !character.is_ascii_digit())?;
    let (digits, unit) = text.split_at(split);
    decimal(digits)?.checked_mul(unit_ms(unit)?)
}

/// Digits without a sign or leading zeros: `010` is 8 to some readers and 10 to others.
fn decimal(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = text.len() > 1 && text.starts_with('0');
    (is_plain && !is_padded).then(|| text.parse().ok())?
}

/// Whether a reader of YAML 1.1 or 1.2 takes this for a boolean or a number when it is not quoted.
fn is_other_type(text: &str) -> bool {
    let word = text.to_ascii_lowercase();
    let is_number = text.parse::<f64>().is_ok()
        || text.replace('_', "").parse::<i64>().is_ok()
        || word.starts_with("0x")
        || word.starts_with("0o");
    // YAML 1.1 counts `1:30` in sixties.
    let sixties = text.contains(':')
        && text
            .split(':')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    BOOLEANS.contains(&word.as_str())
        || is_number
        || sixties
        || matches!(word.as_str(), ".inf" | ".nan")
}
