//! The words of a verification.

use tracemesh_graph::verify::{
    Basis, Conservation, Counts, Finding, Reason, UnseenByTraces, Verdict,
};

use crate::text::{bracketed, clip, counted, thousands};

/// Verdicts in the order in which they are told, with what they mean.
pub(super) const VERDICTS: [(Verdict, &str); 6] = [
    (Verdict::Covered, "reach the cluster of their destination"),
    (
        Verdict::Passthrough,
        "reach where they were dialled, unmanaged",
    ),
    (
        Verdict::Conflicting,
        "reach the cluster of another destination",
    ),
    (Verdict::Unroutable, "reach nobody"),
    (
        Verdict::Undecided,
        "cannot be told from the traces, and count as not covered",
    ),
    (
        Verdict::UnknownCaller,
        "are of services without a directory here",
    ),
];

/// Said under every verification.
pub(super) const CAVEAT: &str = "Traces show what was called while they were taken. Jobs that did not run, fail-overs and \
    libraries without spans are outside of every estimate. Once sidecars run, `--drift-log` tells what they saw.";

/// A verdict in one word.
pub(super) const fn short(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Covered => "covered",
        Verdict::Passthrough => "passed",
        Verdict::Conflicting => "conflict",
        Verdict::Unroutable => "lost",
        Verdict::Undecided => "unknown",
        Verdict::UnknownCaller => "no files",
    }
}

/// The count of a verdict.
pub(super) const fn of(counts: &Counts, verdict: Verdict) -> u64 {
    match verdict {
        Verdict::Covered => counts.covered,
        Verdict::Passthrough => counts.passthrough,
        Verdict::Conflicting => counts.conflicting,
        Verdict::Unroutable => counts.unroutable,
        Verdict::Undecided => counts.undecided,
        Verdict::UnknownCaller => counts.unknown_caller,
    }
}

/// Where all calls are.
pub(super) fn conservation(sums: &Conservation) -> String {
    let mut parts = vec![format!("{} judged", thousands(sums.judged))];
    for (count, what) in [
        (sums.asynchronous, "flows of messages"),
        (sums.proxied, "logical calls through gateways"),
        (sums.caller_is_no_service, "from what is no service"),
        (sums.left_out, "of services not asked about"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", thousands(count)));
        }
    }
    format!("{} calls: {}", thousands(sums.calls), parts.join(", "))
}

/// A share with two digits that count.
pub(super) fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 {
        "0 %".to_owned()
    } else if percent < 0.01 {
        "< 0.01 %".to_owned()
    } else if percent < 10.0 {
        format!("{percent:.2} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// The estimate for all callers.
pub(super) fn unseen(unseen: &UnseenByTraces) -> String {
    format!(
        "Column NEW, by Good-Turing: of {} through these callers, {} the only one to call some destination. So about {} of \
         further ones call something that these do not show, and any one destination never seen is in less than {} of \
         them (95 %).",
        counted(unseen.traces, "trace", "traces"),
        counted(unseen.seen_once, "was", "were"),
        share(unseen.next_is_new),
        share(unseen.one_takes_at_most),
    )
}

/// What becomes of some calls, and why.
pub(super) fn finding(finding: &Finding) -> String {
    let mut text = format!(
        "{} to {} ({}): {}",
        counted(finding.calls, "call", "calls"),
        dialled(finding),
        clip(&finding.callee, 60),
        why(finding),
    );
    if !finding.sent.is_empty() && finding.verdict != Verdict::Covered {
        text.push_str(&format!("; sent as {}", clip(&finding.sent, 100)));
    }
    match finding.basis {
        Basis::PortOnly => text.push_str("; no address known, the listener of the port decided"),
        Basis::SocketAddress => {
            if let Some(address) = &finding.address {
                text.push_str(&format!("; at {address}"));
            }
        }
        Basis::DialledAddress | Basis::None => {}
    }
    if finding.never_answered {
        text.push_str("; nothing ever answered");
    }
    text
}

fn dialled(finding: &Finding) -> String {
    if finding.host.is_empty() {
        return "an address that no span names".to_owned();
    }
    let host = clip(&finding.host, 60);
    let host = bracketed(&host);
    let scheme = match finding.scheme.as_str() {
        "" => String::new(),
        scheme => format!("{}://", clip(scheme, 20)),
    };
    let port = finding
        .port
        .map_or_else(String::new, |port| format!(":{port}"));
    format!("{scheme}{host}{port}")
}

fn why(finding: &Finding) -> String {
    let cluster = clip(finding.cluster.as_deref().unwrap_or("?"), 63);
    let port = finding.port.unwrap_or(0);
    match finding.reason {
        Reason::MadeForIt => format!("reaches its cluster `{cluster}`"),
        Reason::SameAddress => {
            format!("reaches `{cluster}`, which leads to the same address")
        }
        Reason::NoAddress => match &finding.cluster {
            Some(_) => format!("the spans name no address; `{cluster}` was made for it"),
            None => "the spans name no address, and no cluster was made for it".to_owned(),
        },
        Reason::NoPort => "the spans name no port".to_owned(),
        Reason::InvalidHost => "no host name and no address that can be dialled".to_owned(),
        Reason::UnknownProtocol => "nothing tells what is spoken there".to_owned(),
        Reason::AddressUnknown => format!(
            "on port {port} the address decides, and no span names the address behind this name"
        ),
        Reason::NotCaptured => {
            "passes by: loopback and IPv6 are not redirected to the sidecar".to_owned()
        }
        Reason::UnobservedPort => format!("passes through: nothing is defined on port {port}"),
        Reason::UnobservedAuthority => {
            format!("passes through: no virtual host on port {port} takes it")
        }
        Reason::UnobservedServerName => {
            format!("passes through: no filter chain on port {port} takes the server name")
        }
        Reason::UnobservedAddress => {
            format!("passes through: no filter chain on port {port} takes it")
        }
        Reason::NoDirectory => "the caller has no directory in this configuration".to_owned(),
        Reason::OtherDestination => format!(
            "arrives, but as a call to {}: cluster `{cluster}`",
            clip(finding.made_for.as_deref().unwrap_or("another"), 60)
        ),
        Reason::OtherPort => format!("cluster `{cluster}` leads to another port than {port}"),
        Reason::OtherHost => {
            format!("cluster `{cluster}` leads to a host that nothing ties to this destination")
        }
        Reason::Stalls => {
            format!("the server speaks first, and on port {port} an inspector waits for the client")
        }
        Reason::NoCluster => format!("the cluster `{cluster}` is not defined"),
        Reason::NoEndpoint => format!("the cluster `{cluster}` has no endpoint"),
        Reason::NoRoute => "no route takes it, so it is answered with an error".to_owned(),
        Reason::NoChain => format!("no filter chain on port {port} takes it: it is closed"),
        Reason::NotHttp => format!("on port {port} it is parsed as HTTP, and it is none"),
    }
}
