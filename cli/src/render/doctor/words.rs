//! Problems, fixes and estimates in sentences. Names are printable and cut, numbers stand with their base.

use tracemesh_graph::doctor::{About, Finding, Problem, Reason, Unseen};

use crate::text::{clip, counted, percent, thousands};

/// What no report may leave out.
pub(super) const NEVER_COMPLETE: &str = "No trace data proves a graph complete: a call made through a library \
    without instrumentation, or in a job that did not run, leaves nothing to see.";

/// Characters of a name inside a sentence.
const NAME: usize = 60;

/// A problem of one service, with what it is about.
pub(super) fn of_finding(finding: &Finding) -> String {
    let numbers = numbers(finding.problem, finding.part, finding.whole);
    let about = list(&finding.about, finding.more);
    let said = match finding.problem {
        Problem::ClockSkew => clock_skew(finding),
        Problem::KindsMissing => format!("{numbers}; by kind: {about}"),
        Problem::Unresolved => format!("{numbers}; the spans say: {about}"),
        _ if about.is_empty() => numbers,
        _ => format!("{numbers}: {about}"),
    };
    match finding.sampled_out {
        0 => said,
        more => format!("{said}; {} more were sampled out", thousands(more)),
    }
}

fn clock_skew(finding: &Finding) -> String {
    let (other, ms) = finding
        .about
        .first()
        .map_or(("", 0), |about| (about.name.as_str(), about.count));
    format!(
        "its clock and that of {} are {} ms apart or more, in {}",
        clip(other, NAME),
        thousands(ms),
        counted(finding.part, "pair of instances", "pairs of instances")
    )
}

/// A problem of the whole graph, with the number of services that have it.
pub(super) fn of_reason(reason: &Reason) -> String {
    let (part, whole) = (reason.part, reason.whole);
    let services = counted(whole, "service", "services");
    let numbers = match reason.problem {
        Problem::NoClientSpans => {
            return format!(
                "{} of {services} serve calls and show none of their own",
                thousands(part)
            );
        }
        Problem::NoServerSpans => {
            return format!(
                "{} of {services} are called and show no server spans",
                thousands(part)
            );
        }
        Problem::ClockSkew => {
            return format!(
                "{} of {services} have clocks that cannot be right together",
                thousands(part)
            );
        }
        problem => numbers(problem, part, whole),
    };
    match reason.services {
        0 => numbers,
        services => format!("{numbers}, in {}", counted(services, "service", "services")),
    }
}

/// The numbers of a problem in a sentence, without a final period.
fn numbers(problem: Problem, part: u64, whole: u64) -> String {
    let of = |one: &str, many: &str, what: &str| {
        format!(
            "{} of {} {what} ({} %)",
            thousands(part),
            counted(whole, one, many),
            percent(part, whole)
        )
    };
    match problem {
        Problem::NoSpans => "no span could be used: there is nothing to judge".to_owned(),
        Problem::SpansLost => of(
            "span",
            "spans",
            "could not be used, or were given up because of a cap",
        ),
        Problem::TracesCut => format!(
            "{} cut short to stay within memory",
            counted(part, "trace was", "traces were")
        ),
        Problem::NamesFolded => of(
            "span",
            "spans",
            "had a name beyond the limit and count as `other`",
        ),
        Problem::Nameless => of("span", "spans", "come without `service.name`"),
        Problem::KindsMissing => of(
            "span",
            "spans",
            "have no kind that tells calls from other work",
        ),
        Problem::NoServerSpans => format!(
            "called {}, and no server span was ever seen",
            counted(part, "time", "times")
        ),
        Problem::ContextLost => of(
            "call",
            "calls",
            "to it could not be joined with a server span of its own",
        ),
        Problem::ContextBroken => format!(
            "{} to it, and every request it served began a trace of its own",
            counted(part, "call was seen", "calls were seen")
        ),
        Problem::ClockSkew => counted(part, "pair of instances", "pairs of instances"),
        Problem::Orphans => of("span", "spans", "have a parent that was never seen"),
        Problem::Unresolved => of("outgoing call", "outgoing calls", "name no destination"),
        Problem::MessagesUncorrelated => {
            of("message", "messages", "consumed have no known producer")
        }
        Problem::UnresolvedLinks => format!(
            "{} to a span never seen, for {}",
            counted(part, "link leads", "links lead"),
            counted(whole, "consumer span", "consumer spans")
        ),
        Problem::SilentCallee => of(
            "outgoing call",
            "outgoing calls",
            "go to internal hosts that send no spans",
        ),
        Problem::NoClientSpans => format!(
            "{} and not one client span: a leaf, or calls without trace evidence",
            counted(part, "server or consumer span", "server or consumer spans")
        ),
        Problem::AddressMissing => of(
            "outgoing call",
            "outgoing calls",
            "name no address, so egress has none to define",
        ),
        Problem::WeightUnknown => of(
            "span",
            "spans",
            "do not say how many they stand for, while others do",
        ),
        Problem::Duplicates => of("span", "spans", "were sent again"),
    }
}

/// One thing to do about a finding.
pub(super) fn fix(finding: &Finding) -> String {
    let first = finding.about.first().map_or_else(
        || "the other end".to_owned(),
        |about| clip(&about.name, NAME),
    );
    match finding.problem {
        Problem::NoSpans | Problem::SpansLost => "see `diagnostics` of `tracemesh graph --format json` for the reasons".to_owned(),
        Problem::TracesCut => "raise `--max-open-spans`, or read fewer files at once".to_owned(),
        Problem::NamesFolded => "something puts ids into `service.name` or addresses: fix it at its source".to_owned(),
        Problem::Nameless => "set `service.name` (OTEL_SERVICE_NAME) on the process".to_owned(),
        Problem::KindsMissing => {
            "set span kinds: SERVER where a request comes in, CLIENT where one goes out, PRODUCER and CONSUMER for messages".to_owned()
        }
        Problem::NoServerSpans => {
            format!("instrument its server side (HTTP, gRPC), or send its spans here; {first} calls it most")
        }
        Problem::ContextLost => format!(
            "propagate trace context (`traceparent`) from {first}, through any proxy between the two, and sample both alike"
        ),
        Problem::ContextBroken => format!(
            "make its callers, {first} first, send `traceparent` (instrument their client library), and its server library read it; a proxy between may drop it"
        ),
        Problem::ClockSkew => {
            "let both hosts keep time by NTP or PTP; edges and latency hold, but do not compare times across these services".to_owned()
        }
        Problem::Orphans => {
            "find what calls it without sending spans here: a proxy that adds spans of its own, a caller sampled apart, or one without exporter"
                .to_owned()
        }
        Problem::Unresolved => unresolved(&first),
        Problem::MessagesUncorrelated => {
            format!("put trace context into message headers on the way into {first}: instrument its producers")
        }
        Problem::UnresolvedLinks => "raise the sampling of the producers, or read a window that includes their spans".to_owned(),
        Problem::SilentCallee => format!("instrument {first}: what it calls is out of sight"),
        Problem::NoClientSpans => {
            "instrument its HTTP, gRPC and database clients, or have its owner confirm that it calls nothing".to_owned()
        }
        Problem::AddressMissing => format!("set `server.address` and `server.port` on client spans to {first}"),
        Problem::WeightUnknown => {
            "use a sampler that writes `ot=th` into `tracestate`, as its neighbours do".to_owned()
        }
        Problem::Duplicates => "send its spans over one pipeline: two exporters or Collectors deliver the same".to_owned(),
    }
}

/// What helps depends on what the spans do say.
fn unresolved(evidence: &str) -> String {
    if let Some(socket) = evidence.strip_prefix("socket ") {
        return format!(
            "set `server.address` to the name that is dialled, or instrument what listens at {socket}"
        );
    }
    if let Some(service) = evidence.strip_prefix("rpc ") {
        return format!(
            "set `server.address` on its gRPC client spans, or instrument the server of {service}"
        );
    }
    "set `server.address` and `server.port` on its client spans".to_owned()
}

/// Traces to look at.
pub(super) fn examples(finding: &Finding) -> String {
    let traces = finding.exemplars.iter().take(3);
    let traces: Vec<String> = traces.map(|trace| clip(trace, 32)).collect();
    format!("trace {}", traces.join(", "))
}

/// Names with their counts.
fn list(about: &[About], more: u64) -> String {
    let mut names: Vec<String> = about
        .iter()
        .map(|about| format!("{} ({})", clip(&about.name, NAME), thousands(about.count)))
        .collect();
    if more > 0 {
        names.push(format!("{} more", thousands(more)));
    }
    names.join(", ")
}

/// What the estimates mean, for all callers together.
pub(super) fn of_unseen(all: &Unseen) -> String {
    format!(
        "{} of {} went to a destination seen that once, so about {} of further calls go to destinations not seen yet \
         (Good-Turing). NEXT IS NEW is the same per caller; ONE HIDES bounds the share of calls that any one destination not \
         seen can have, with 95 % confidence (rule of three). Both assume that the future is like this window.",
        thousands(all.seen_once),
        counted(all.calls, "call", "calls"),
        share(all.next_is_new),
    )
}

/// A share of 1 in percent with two digits, never rounded down to nothing.
pub(super) fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.01 {
        return "0.01 %".to_owned();
    }
    format!("{percent:.2} %")
}
