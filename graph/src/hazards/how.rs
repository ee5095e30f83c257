//! What the configuration does about a hazard, or what somebody has to decide: one sentence each, without numbers that
//! change with traffic.

use super::{FoundHazard, HazardKind, Sign};
use crate::egress::{Phase, ServiceEgress, SettingName, Tuning};

/// The sentence for a hazard of a service.
pub(super) fn how(hazard: HazardKind, found: &FoundHazard, service: &ServiceEgress) -> String {
    let tunings = || service.destinations.iter().map(|to| &to.tuning);
    let is_tuned = |name: SettingName| tunings().any(|tuning| is_set(tuning, name));
    let text = match hazard {
        HazardKind::LongCalls if is_tuned(SettingName::RouteTimeout) => {
            "route timeouts come from the slowest good calls; none where the evidence does not suffice or calls are streams"
        }
        HazardKind::LongCalls => "no route timeout, instead of Envoy's 15 s",
        HazardKind::IdleStreams => "no idle timeout of streams",
        HazardKind::UnsafeRetries => {
            "calls are resent only by method, and unsafe ones only when they certainly were not sent"
        }
        HazardKind::RetriesOnRetries => {
            "no retries by the sidecar where the client resends, and a retry budget elsewhere"
        }
        HazardKind::StaleKeepalive if is_tuned(SettingName::UpstreamIdle) => {
            "idle connections are closed before the server closes them"
        }
        HazardKind::StaleKeepalive => {
            "the tuned phase will close idle connections before the server does; the transparent one changes nothing"
        }
        HazardKind::PinnedHttp2 => {
            "connections are renewed every minute; a headless service would balance every call"
        }
        HazardKind::HostForms => {
            "routes match every form of the name, with or without port, dot and upper case"
        }
        HazardKind::PinnedMembers => return pinned(found),
        HazardKind::HeaderCase => "the case of header names is preserved in both directions",
        HazardKind::Http10 => "HTTP/1.0 is accepted",
        HazardKind::LargeHeaders => "limits of 1000 header lines and 96 kB, instead of 100 and 60",
        HazardKind::AddedHeaders => {
            "no header is added or changed but x-forwarded-proto; check that the signature does not cover it"
        }
        HazardKind::Upgrades if found.shows(Sign::Connect) => {
            "CONNECT is refused where HTTP is parsed: keep that port out of capture, or dial the target directly"
        }
        HazardKind::Upgrades => "WebSockets are allowed",
        HazardKind::ExpectContinue => {
            "Envoy answers 100 Continue itself, so that no client waits for a server that never does"
        }
        HazardKind::StrictParsing => {
            "Envoy refuses unknown methods, and requests that break the rules of HTTP: find who sends them and mend it, or keep the port out of capture"
        }
        HazardKind::RefusedConnects => {
            "a dead port lets clients connect and then hangs up: test that fail-over works so, or leave this destination out of the mesh"
        }
        HazardKind::DefaultLimits if is_tuned(SettingName::MaxRequests) => {
            "limits on connections and calls come from the calls under way at once"
        }
        HazardKind::DefaultLimits => "limits are above Envoy's defaults, on the passthrough too",
        HazardKind::IdleTcp => "no idle timeout of TCP connections, and keepalive probes",
        HazardKind::Goaway => "nothing is needed",
        HazardKind::ProtocolMix => "the sidecar speaks to the server what the client speaks to it",
        HazardKind::ServerFirst => "ports where a server speaks first are not looked into",
        HazardKind::GrpcTrailers => {
            "ejection does not see failures in trailers, and Envoy counts them as successes: watch the success rate of the traces"
        }
        HazardKind::LatencyProbes
            if is_set(&service.inbound_tuning, SettingName::MinConcurrency) =>
        {
            "the least concurrency that is let in comes from observed rates and latency"
        }
        HazardKind::LatencyProbes => {
            "load shedding stays off until the least concurrency is known from rates and latency"
        }
        HazardKind::UnresolvableNames => {
            "DNS queries give up early, and names outside do not delay the start"
        }
    };
    text.to_owned()
}

fn is_set(tuning: &Tuning, name: SettingName) -> bool {
    tuning.phase == Phase::Tuned && tuning.settings.contains_key(&name)
}

fn pinned(found: &FoundHazard) -> String {
    let mut seen = Vec::new();
    let parts = [
        (Sign::OtherHost, "a Host other than the dialled name"),
        (Sign::IpAddress, "IP addresses"),
        (Sign::Ordinal, "single members by name"),
        (Sign::Sharded, "a system whose clients choose the member"),
    ];
    for (sign, part) in parts {
        if found.shows(sign) {
            seen.push(part);
        }
    }
    let seen = seen.join(", ");
    if found.shows(Sign::OtherHost) {
        return format!(
            "dials {seen}: say whether each call must reach the member it dialled; if so, leave the destination to the passthrough"
        );
    }
    format!("dials {seen}: connections keep the address or the one name that was dialled")
}
