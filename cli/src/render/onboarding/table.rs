//! The plan for a terminal: the protection curves, then the waves with one line per service, then what a reader has to know.

use std::fmt::Write;

use tracemesh_graph::onboarding::{Plan, PlannedService, Wave};

use super::text::{columns, cut, left, visible, wrapped};
use super::words;

/// Narrower terminals get lines of this width.
const MIN_WIDTH: usize = 72;

/// Columns of a service line that do not depend on names: wave, risk, traffic, gain, and the gaps.
const FIXED: usize = 33;

/// The plan in lines of at most `width` columns (72 at least). Plain text without colour; names are escaped and cut with `..`.
#[must_use]
pub fn table(plan: &Plan, width: usize) -> String {
    let width = width.max(MIN_WIDTH);
    let mut out = String::new();
    head(&mut out, plan, width);
    if !plan.waves.is_empty() {
        curves(&mut out, plan);
        services(&mut out, plan, width);
    }
    left_behind(&mut out, plan, width);
    notes(&mut out, plan, width);
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn head(out: &mut String, plan: &Plan, width: usize) {
    let summary = &plan.summary;
    let text = format!(
        "{} in {}; mean wave of protection {:.2}, objective {:.3}",
        words::scope(plan),
        words::counted(summary.waves, "wave"),
        summary.mean_wave,
        summary.objective
    );
    line(out, &wrapped(&text, width));
    if let Some(window) = words::window(plan) {
        line(out, &format!("traces from {window}"));
    }
    if summary.exceptions > 0 {
        let text = format!(
            "! {} without any service inside the limits: the least risky one goes alone",
            words::counted(summary.exceptions, "wave")
        );
        line(out, &wrapped(&text, width));
    }
}

fn curves(out: &mut String, plan: &Plan) {
    line(out, "");
    line(
        out,
        "WAVE  SERVICES  TOUCHED |    SHED   CLIENT     BOTH   STRICT",
    );
    for point in &plan.curves {
        let index = usize::try_from(point.wave).unwrap_or(usize::MAX);
        let wave = index.checked_sub(1).and_then(|index| plan.waves.get(index));
        let (count, touched) = wave.map_or((plan.done.len(), String::new()), |wave| {
            (wave.services.len(), words::percent(wave.touched))
        });
        let row = format!(
            "{:>4}  {count:>8}  {touched:>7} | {:>7}  {:>7}  {:>7}  {:>7}{}",
            point.wave,
            words::percent(point.curves.shed),
            words::percent(point.curves.client),
            words::percent(point.curves.both),
            words::percent(point.curves.strict),
            wave.map_or("", mark),
        );
        line(out, &row);
    }
}

/// What is special about a wave.
const fn mark(wave: &Wave) -> &'static str {
    if !wave.exceptions.is_empty() {
        "  !"
    } else if wave.alone {
        "  alone"
    } else if wave.services.is_empty() {
        "  all held"
    } else {
        ""
    }
}

/// Widths of the columns that hold names.
struct Widths {
    service: usize,
    team: usize,
    why: usize,
}

impl Widths {
    fn new(plan: &Plan, width: usize) -> Self {
        let all = || plan.waves.iter().flat_map(|wave| &wave.services);
        let longest = |names: &mut dyn Iterator<Item = &str>| {
            names.map(|name| columns(&visible(name))).max().unwrap_or(0)
        };
        let service = longest(&mut all().map(|service| words::short(&service.service)));
        let team = longest(&mut all().filter_map(|service| service.team.as_deref()));
        let room = width - FIXED;
        let team = if team == 0 {
            0
        } else {
            team.clamp(4, room / 5)
        };
        let service = service.clamp(7, room * 2 / 5);
        let gap = if team > 0 { 2 } else { 0 };
        Self {
            service,
            team,
            why: room - service - team - gap,
        }
    }

    /// The cells of one line.
    fn row(&self, cells: [&str; 7]) -> String {
        let [wave, service, team, risk, traffic, gain, why] = cells;
        let team = if self.team > 0 {
            format!("{}  ", left(team, self.team))
        } else {
            String::new()
        };
        format!(
            "{wave:>4}  {}  {team}{risk:>4}  {traffic:>7}  {gain:>6}  {}",
            left(service, self.service),
            cut(why, self.why)
        )
    }
}

fn services(out: &mut String, plan: &Plan, width: usize) {
    let widths = Widths::new(plan, width);
    line(out, "");
    let heads = [
        "WAVE",
        "SERVICE",
        "TEAM",
        "RISK",
        "TOUCHED",
        "GAIN",
        "WHY NOT EARLIER",
    ];
    line(out, &widths.row(heads));
    for wave in &plan.waves {
        for (position, service) in wave.services.iter().enumerate() {
            let number = if position == 0 {
                wave.wave.to_string()
            } else {
                String::new()
            };
            let row = widths.row([
                &number,
                &visible(words::short(&service.service)),
                &visible(service.team.as_deref().unwrap_or("-")),
                &format!("{:.2}", service.risk.score),
                &words::percent(service.touched),
                &format!("{:.4}", service.gain.total()),
                &why_not_earlier(wave, service),
            ]);
            line(out, &row);
        }
    }
}

fn why_not_earlier(wave: &Wave, service: &PlannedService) -> String {
    let mut text = match service.blocked.last() {
        Some(blocked) => words::reason(&blocked.reason, |name| visible(words::short(name))),
        None if !wave.exceptions.is_empty() => "least risky".to_owned(),
        None => "-".to_owned(),
    };
    if !wave.exceptions.is_empty() {
        text.insert_str(0, "! ");
    }
    text
}

fn left_behind(out: &mut String, plan: &Plan, width: usize) {
    if plan.unplanned.is_empty() {
        return;
    }
    line(out, "");
    line(out, "NOT PLANNED");
    for service in &plan.unplanned {
        let why = if service.blockers.is_empty() {
            "excluded".to_owned()
        } else {
            format!("fix first: {}", visible(&words::some(&service.blockers)))
        };
        let mut text = format!("{}: {why}", visible(words::short(&service.service)));
        if !service.strict_lost.is_empty() {
            let count = words::counted(service.strict_lost.len(), "callee");
            write!(text, "; keeps {count} from strict mTLS")
                .expect("writing to a string does not fail");
        }
        line(out, &cut(&text, width));
    }
}

fn notes(out: &mut String, plan: &Plan, width: usize) {
    line(out, "");
    let legend = "TOUCHED: traffic that enters or leaves the services of the wave. After the wave, as shares of traffic: SHED: calls \
                  whose callee can shed load. CLIENT: calls whose caller has timeouts, outlier detection and circuit breaking. \
                  BOTH: calls with mTLS. STRICT: calls whose callee can refuse plaintext.";
    line(out, &wrapped(legend, width));
    for note in &plan.notes {
        line(out, &wrapped(&format!("- {}", visible(note)), width));
    }
    for (reason, count) in &plan.left_out {
        let text = format!("- left out: {count} x {}", visible(reason));
        line(out, &wrapped(&text, width));
    }
}
