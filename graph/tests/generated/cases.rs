//! What goes wrong in the runs: the rows of the table.

use tracemesh_generator::degrade::Step::{
    self, ForgetKinds, LoseBatches, LoseSpans, Repeat, Sample, ShareIds, ShortenTraceIds,
    SilenceLosingContext, SilencePassingContext, Skew,
};

/// One way in which telemetry is worse than complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) steps: &'static [Step],
    /// Spans come as exporters deliver them, some requests late; else in order and at once.
    pub(crate) is_late: bool,
}

const fn case(name: &'static str, steps: &'static [Step]) -> Case {
    Case {
        name,
        steps,
        is_late: false,
    }
}

/// Nothing is lost: the graph must be exact.
pub(crate) const HARMLESS: [Case; 7] = [
    case("nothing", &[]),
    Case {
        name: "5 % of export requests 120 s late",
        steps: &[],
        is_late: true,
    },
    case("a third of the export requests sent again", &[Repeat(333)]),
    case("clocks up to 3 s off, either way", &[Skew(3_000_000)]),
    case(
        "B3: servers share the ids of their clients",
        &[ShareIds(1000)],
    ),
    case("B3 in half of the services", &[ShareIds(500)]),
    case(
        "64-bit trace ids in a third of the services",
        &[ShortenTraceIds(333)],
    ),
];

/// Something is gone: what is left must be right.
pub(crate) const HARMFUL: [Case; 13] = [
    case("each service samples 1, 1/2, 1/4 or 1/8", &[Sample]),
    case("1 % of the spans lost", &[LoseSpans(10)]),
    case("10 % of the spans lost", &[LoseSpans(100)]),
    case("half of the spans lost", &[LoseSpans(500)]),
    case("10 % of the export requests lost", &[LoseBatches(100)]),
    case(
        "10 % of the services silent, context lost",
        &[SilenceLosingContext(100)],
    ),
    case(
        "10 % of the services silent, context passed on",
        &[SilencePassingContext(100)],
    ),
    case("a third of the services without kinds", &[ForgetKinds(333)]),
    case(
        "B3, 10 % of the spans lost",
        &[ShareIds(1000), LoseSpans(100)],
    ),
    case(
        "B3 in half of the services, 20 % lost",
        &[ShareIds(500), LoseSpans(200)],
    ),
    case(
        "10 % silent, 10 % of the spans lost",
        &[SilenceLosingContext(100), LoseSpans(100)],
    ),
    case(
        "sampled, 64-bit ids, 5 % lost, sent again",
        &[Sample, ShortenTraceIds(333), LoseSpans(50), Repeat(333)],
    ),
    case(
        "all of it",
        &[
            SilencePassingContext(50),
            SilenceLosingContext(50),
            Sample,
            ForgetKinds(150),
            ShareIds(300),
            ShortenTraceIds(300),
            LoseSpans(50),
            LoseBatches(50),
            Repeat(200),
            Skew(2_000_000),
        ],
    ),
];
