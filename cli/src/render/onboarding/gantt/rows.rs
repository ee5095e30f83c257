//! Rows of the chart: who has services in which wave, and in which lane its bar stands.

use std::collections::BTreeMap;

use tracemesh_graph::onboarding::{Calendar, Freeze, Plan, PlannedService, WaveDates};

use super::super::words::counted;

/// A row.
pub(super) struct Row<'a> {
    /// Name of the team; none for services without one, and for the row of all waves.
    pub(super) team: Option<&'a str>,
    /// What stands instead of a name.
    pub(super) title: &'static str,
    /// What it has, in words.
    pub(super) base: String,
    /// Bars in the order of waves.
    pub(super) bars: Vec<Bar<'a>>,
    /// Lanes, at least 1.
    pub(super) lanes: i32,
    /// Freezes that hold for it alone, or for some of its services.
    pub(super) freezes: Vec<&'a Freeze>,
}

/// A wave in a row.
pub(super) struct Bar<'a> {
    pub(super) dates: &'a WaveDates,
    /// Services of the row in the wave.
    pub(super) services: usize,
    /// From 0.
    pub(super) lane: i32,
}

/// The row of all waves, then one per team in the order of names, then one of services without a team.
pub(super) fn rows<'a>(plan: &'a Plan, calendar: &'a Calendar) -> Vec<Row<'a>> {
    let mut teams: BTreeMap<(bool, &str), Vec<(u32, &PlannedService)>> = BTreeMap::new();
    let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
    for wave in &plan.waves {
        sizes.insert(wave.wave, wave.services.len());
        for service in &wave.services {
            let team = service.team.as_deref();
            let key = (team.is_none(), team.unwrap_or_default());
            teams.entry(key).or_default().push((wave.wave, service));
        }
    }
    let all = Row {
        base: counted(plan.summary.planned, "service"),
        ..row(None, "all teams", &sizes, calendar)
    };
    let of_teams = teams.iter().map(|((is_unknown, name), services)| {
        let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
        for (wave, _) in services {
            *sizes.entry(*wave).or_default() += 1;
        }
        let team = (!is_unknown).then_some(*name);
        let freezes = plan.options.freezes.iter();
        Row {
            base: counted(services.len(), "service"),
            freezes: freezes
                .filter(|freeze| holds(freeze, team, services))
                .collect(),
            ..row(team, "no known team", &sizes, calendar)
        }
    });
    std::iter::once(all).chain(of_teams).collect()
}

fn holds(freeze: &Freeze, team: Option<&str>, services: &[(u32, &PlannedService)]) -> bool {
    let mut ids = services.iter().map(|(_, service)| &service.service);
    team.is_some_and(|team| freeze.teams.iter().any(|other| other == team))
        || ids.any(|id| freeze.services.contains(id))
}

fn row<'a>(
    team: Option<&'a str>,
    title: &'static str,
    sizes: &BTreeMap<u32, usize>,
    calendar: &'a Calendar,
) -> Row<'a> {
    // Day on which each lane is free again.
    let mut free = Vec::new();
    let dated = calendar.waves.iter();
    let bars: Vec<Bar<'a>> = dated
        .filter_map(|dates| Some((dates, *sizes.get(&dates.wave)?)))
        .map(|(dates, services)| {
            let lane = free.iter().position(|day| *day < dates.canary);
            let lane = lane.unwrap_or(free.len());
            free.resize(free.len().max(lane + 1), dates.end());
            free[lane] = dates.end();
            Bar {
                dates,
                services,
                lane: i32::try_from(lane).unwrap_or(i32::MAX),
            }
        })
        .collect();
    Row {
        team,
        title,
        base: String::new(),
        bars,
        lanes: i32::try_from(free.len().max(1)).unwrap_or(i32::MAX),
        freezes: Vec::new(),
    }
}
