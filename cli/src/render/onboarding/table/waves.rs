//! The waves: a line for each service, or, when there are too many, a few for each wave.

use std::collections::BTreeMap;

use tracemesh_graph::onboarding::{ExceptionCause, Plan, PlannedService, Wave};

use super::{Page, VOICE};
use crate::render::onboarding::text::{clipped, columns, cut, left, visible};
use crate::render::onboarding::words::{self, Voice, percent, why};

/// Columns of a service line that do not depend on names: wave, risk, traffic, gain, and the gaps.
const FIXED: usize = 33;

/// Services beyond which each wave is summed up.
const MOST_SERVICES: usize = 60;

pub(super) fn waves(page: &mut Page, plan: &Plan) {
    let count: usize = plan.waves.iter().map(|wave| wave.services.len()).sum();
    if count > MOST_SERVICES {
        summed_up(page, plan);
    } else {
        services(page, plan);
    }
    let special = [
        (
            " !",
            "breaks a limit, see above",
            plan.waves.iter().any(|w| !w.exceptions.is_empty()),
        ),
        (
            " 1",
            "its one service is above the traffic cap and goes alone",
            plan.waves.iter().any(|w| w.alone),
        ),
        (
            " -",
            "every service left is held back",
            plan.waves.iter().any(|w| w.services.is_empty()),
        ),
    ];
    let special: Vec<String> = special
        .iter()
        .filter(|(.., is_there)| *is_there)
        .map(|(mark, text, _)| format!("{}: {text}", mark.trim()))
        .collect();
    if !special.is_empty() {
        page.say(&format!("Marks of waves: {}.", special.join("; ")));
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
        let service = service.clamp(7, room * 9 / 20);
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
            clipped(service, self.service),
            clipped(why, self.why).trim_end()
        )
    }
}

fn services(page: &mut Page, plan: &Plan) {
    let widths = Widths::new(plan, page.width);
    page.heading(&widths.row([
        "WAVE",
        "SERVICE",
        "TEAM",
        "RISK",
        "TOUCHED",
        "GAIN",
        "WHY NOT EARLIER",
    ]));
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
                &percent(service.touched),
                &format!("{:.4}", service.gain.total()),
                &why_not_earlier(wave, service),
            ]);
            page.line(&row);
        }
    }
    page.say("Everything about one of them: `tracemesh onboard explain SERVICE`.");
}

fn why_not_earlier(wave: &Wave, service: &PlannedService) -> String {
    let mut text = match service.blocked.last() {
        Some(blocked) => why::reason(&blocked.reason, VOICE),
        None if is_least_risky(wave) => "least risky".to_owned(),
        None => "-".to_owned(),
    };
    if !wave.exceptions.is_empty() {
        text.insert_str(0, "! ");
    }
    text
}

fn is_least_risky(wave: &Wave) -> bool {
    let mut causes = wave.exceptions.iter().map(|exception| &exception.because);
    causes.any(|because| *because == ExceptionCause::NothingEligible)
}

fn summed_up(page: &mut Page, plan: &Plan) {
    page.heading("WAVE  SVCS  MOST VALUABLE FIRST");
    for wave in &plan.waves {
        let names: Vec<String> = wave
            .services
            .iter()
            .map(|service| visible(words::short(&service.service)))
            .collect();
        let room = page.width - 12;
        let text = fitting(&names, room);
        page.line(&format!(
            "{:>4}  {:>4}  {text}",
            wave.wave,
            wave.services.len()
        ));
        let facts = format!("risk up to {:.2}{}", worst(wave), teams(wave));
        page.line(&format!("            {}", cut(&facts, room)));
    }
    page.say(
        "Every service with its dates: `--format csv`; with reasons, canaries and steps back: `--format markdown`; one of them: \
         `tracemesh onboard explain SERVICE`.",
    );
}

/// As many names as fit, and how many there are beyond.
fn fitting(names: &[String], room: usize) -> String {
    let shown = |count: usize| {
        let mut text = names[..count].join(", ");
        if count < names.len() {
            text.push_str(&format!(" and {} more", names.len() - count));
        }
        text
    };
    let fits = |count: &usize| columns(&shown(*count)) <= room;
    match (1..=names.len()).rev().find(fits) {
        Some(count) => shown(count),
        None => cut(names.first().map_or("", String::as_str), room),
    }
}

fn worst(wave: &Wave) -> f64 {
    let risks = wave.services.iter().map(|service| service.risk.score);
    risks.fold(0.0, f64::max)
}

/// The teams with most to do.
fn teams(wave: &Wave) -> String {
    let mut by_load: BTreeMap<std::cmp::Reverse<u32>, Vec<&str>> = BTreeMap::new();
    for (team, load) in &wave.team_load {
        by_load
            .entry(std::cmp::Reverse(*load))
            .or_default()
            .push(team);
    }
    let teams: Vec<String> = by_load
        .iter()
        .flat_map(|(load, teams)| {
            teams
                .iter()
                .map(move |team| format!("{} {}", visible(team), load.0))
        })
        .collect();
    if teams.is_empty() {
        String::new()
    } else {
        format!("; teams {}", Voice { most: 3, ..VOICE }.some(&teams))
    }
}
