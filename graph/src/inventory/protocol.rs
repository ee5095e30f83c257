//! What a service port declares to speak.

use super::ServicePort;
use crate::egress::TargetProtocol;

/// The protocol that a port declares: by `appProtocol`, else by the first word of its name, as meshes read it. `None`
/// when neither is a word that says so.
#[must_use]
pub fn declared_protocol(port: &ServicePort) -> Option<TargetProtocol> {
    if let Some(declared) = &port.app_protocol {
        return read(declared.strip_prefix("kubernetes.io/").unwrap_or(declared));
    }
    read(port.name.as_deref()?.split('-').next()?)
}

fn read(word: &str) -> Option<TargetProtocol> {
    match word.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some(TargetProtocol::Http),
        "http2" | "h2c" => Some(TargetProtocol::Http2),
        "grpc" => Some(TargetProtocol::Grpc),
        "https" | "tls" | "wss" => Some(TargetProtocol::Tls),
        "tcp" | "mongo" | "mysql" | "redis" | "postgres" | "postgresql" | "kafka" | "amqp" => {
            Some(TargetProtocol::Tcp)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_declares_by_app_protocol_else_by_the_first_word_of_its_name() {
        let port = |name: Option<&str>, app: Option<&str>| ServicePort {
            name: name.map(str::to_owned),
            port: 80,
            app_protocol: app.map(str::to_owned),
            target: None,
        };
        let cases = [
            (Some("http-web"), None, Some(TargetProtocol::Http)),
            (
                Some("http"),
                Some("kubernetes.io/h2c"),
                Some(TargetProtocol::Http2),
            ),
            (Some("grpc"), Some("example.com/own"), None),
            (None, Some("HTTPS"), Some(TargetProtocol::Tls)),
            (Some("redis"), None, Some(TargetProtocol::Tcp)),
            (Some("web"), None, None),
            (None, None, None),
        ];
        for (name, app, expected) in cases {
            assert_eq!(
                declared_protocol(&port(name, app)),
                expected,
                "{name:?} {app:?}"
            );
        }
    }
}
