//! What a dialled host is: the gate between strings from spans and names that enter a configuration.
//!
//! Everything that passes is an IP address or a DNS name of letters, digits, `-` and `_`. Anything that a resolver
//! could read as an address in disguise (`0x7f000001`, `127.1`) is refused.

use std::net::{IpAddr, Ipv4Addr};

/// A host that may enter a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A literal address; IPv4-mapped IPv6 is already IPv4.
    Ip(IpAddr),
    /// A DNS name in lower case, without trailing dot.
    Name(String),
}

/// Why a host may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum HostFault {
    /// Nothing there.
    #[error("the host is empty")]
    Empty,
    /// Neither a DNS name nor an address.
    #[error("the host is neither a DNS name nor an IP address")]
    Invalid,
    /// The caller itself.
    #[error("the host is a loopback address or name")]
    Loopback,
    /// Unspecified, multicast or broadcast.
    #[error("the host cannot be dialled")]
    NotDialable,
}

impl Host {
    /// Reads a host as the snapshot gives it; brackets, a trailing dot and upper case are forgiven.
    ///
    /// # Errors
    /// A [`HostFault`] when the host cannot be the destination of a generated configuration.
    pub fn parse(text: &str, accept_loopback: bool) -> Result<Self, HostFault> {
        let text = text
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'))
            .unwrap_or(text);
        if text.is_empty() || text == "." {
            return Err(HostFault::Empty);
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return check_address(ip.to_canonical(), accept_loopback).map(Self::Ip);
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if !is_dns_name(&name) {
            return Err(HostFault::Invalid);
        }
        if !accept_loopback && is_loopback_name(&name) {
            return Err(HostFault::Loopback);
        }
        Ok(Self::Name(name))
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Reads a socket peer, `ip` or `ip:port`; `None` when it is no address that can be matched on.
pub(super) fn socket_address(text: &str, accept_loopback: bool) -> Option<IpAddr> {
    let ip = text
        .parse::<IpAddr>()
        .or_else(|_| {
            text.parse::<std::net::SocketAddr>()
                .map(|socket| socket.ip())
        })
        .ok()?;
    check_address(ip.to_canonical(), accept_loopback).ok()
}

fn check_address(ip: IpAddr, accept_loopback: bool) -> Result<IpAddr, HostFault> {
    if ip.is_loopback() && !accept_loopback {
        return Err(HostFault::Loopback);
    }
    let undialable =
        ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    // 0/8 means "this host" and many stacks connect it to loopback.
    let this_host = matches!(ip, IpAddr::V4(v4) if v4.octets()[0] == 0);
    if undialable || this_host {
        return Err(HostFault::NotDialable);
    }
    Ok(ip)
}

/// Whether a label is 1 to 63 letters, digits, `-`, `_`, without a hyphen at either end.
pub(super) fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn is_dns_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    // `inet_aton` reads names that end in a number as addresses.
    let looks_numeric = last.bytes().all(|byte| byte.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    name.len() <= 253 && name.split('.').all(is_label) && !looks_numeric
}

fn is_loopback_name(name: &str) -> bool {
    matches!(
        name,
        "localhost" | "localhost.localdomain" | "ip6-localhost" | "ip6-loopback"
    ) || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_or_refused_with_the_right_fault() {
        let name = |text: &str| Ok(Host::Name(text.to_owned()));
        let cases = [
            ("cart.shop.", name("cart.shop")),
            ("CART", name("cart")),
            ("my_service", name("my_service")),
            ("no", name("no")),
            ("1e3", name("1e3")),
            (
                "[2001:db8::1]",
                Ok(Host::Ip("2001:db8::1".parse().unwrap())),
            ),
            ("::ffff:10.0.0.1", Ok(Host::Ip("10.0.0.1".parse().unwrap()))),
            ("", Err(HostFault::Empty)),
            (".", Err(HostFault::Empty)),
            ("127.0.0.1", Err(HostFault::Loopback)),
            ("::ffff:127.0.0.1", Err(HostFault::Loopback)),
            ("LOCALHOST", Err(HostFault::Loopback)),
            ("a.localhost", Err(HostFault::Loopback)),
            ("0.0.0.0", Err(HostFault::NotDialable)),
            ("0.1.2.3", Err(HostFault::NotDialable)),
            ("::", Err(HostFault::NotDialable)),
            ("224.0.0.1", Err(HostFault::NotDialable)),
            ("127.1", Err(HostFault::Invalid)),
            ("2130706433", Err(HostFault::Invalid)),
            ("0x7f000001", Err(HostFault::Invalid)),
            ("a..b", Err(HostFault::Invalid)),
            ("a b", Err(HostFault::Invalid)),
            ("*", Err(HostFault::Invalid)),
            ("../etc", Err(HostFault::Invalid)),
            ("a\nb", Err(HostFault::Invalid)),
            ("caf\u{e9}.example", Err(HostFault::Invalid)),
        ];
        for (text, expected) in cases {
            assert_eq!(Host::parse(text, false), expected, "{text:?}");
        }
        assert_eq!(Host::parse(&"a".repeat(64), false), Err(HostFault::Invalid));
        assert!(Host::parse("127.0.0.9", true).is_ok());
    }

    #[test]
    fn socket_peers_are_read_with_and_without_port() {
        for text in ["10.0.0.7", "10.0.0.7:6379", "::ffff:10.0.0.7"] {
            assert_eq!(
                socket_address(text, false),
                "10.0.0.7".parse().ok(),
                "{text}"
            );
        }
        for text in ["127.0.0.1", "redis:6379", "", "0.0.0.0:1"] {
            assert_eq!(socket_address(text, false), None, "{text}");
        }
    }
}
