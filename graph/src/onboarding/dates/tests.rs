//! Laws of the calendar over random options, the pace of the prototype, and options that make no sense.

use std::collections::BTreeSet;

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::openings::{LAST, day, number};
use super::*;
use crate::onboarding::{
    Evidence, InFlight, Pins, Plan, PlanInput, PlanOptions, PlanService, Status, plan,
};

/// A Monday.
const START: Date = date(2026, 1, 5);

fn starting(start: Date) -> PlanOptions {
    PlanOptions {
        calendar: CalendarOptions {
            start: Some(start),
            ..CalendarOptions::default()
        },
        ..PlanOptions::default()
    }
}

fn freeze(name: &str, from: Date, to: Date) -> Freeze {
    Freeze {
        name: name.to_owned(),
        from,
        to,
        services: Vec::new(),
        teams: Vec::new(),
    }
}

fn calendar(options: &PlanOptions, last_wave: u32) -> Calendar {
    let dates = Timetable::new(options).unwrap();
    dates.calendar(last_wave, &[]).unwrap()
}

#[test]
fn the_first_wave_takes_fourteen_days_of_bake_and_two_of_rolling_update() {
    let calendar = calendar(&starting(START), 2);
    let first = &calendar.waves[0];
    assert_eq!(first.prepare, date(2025, 12, 31));
    assert_eq!(first.canary, START);
    assert_eq!(first.bake_until, date(2026, 1, 18));
    assert_eq!(
        first.rollouts,
        [Rollout {
            cell: None,
            from: date(2026, 1, 19),
            to: date(2026, 1, 20)
        }]
    );
    assert_eq!(first.flips, date(2026, 1, 21));
    assert_eq!(calendar.waves[1].canary, first.flips);
    assert_eq!(
        (calendar.start, calendar.end),
        (first.prepare, calendar.waves[1].end())
    );
}

/// The prototype has 16 days per wave and 62 weeks for 27 waves, with no weekends. With them some rolling updates wait for a Monday.
#[test]
fn twenty_seven_waves_take_about_as_long_as_in_the_prototype() {
    let mut options = starting(START);
    let of_weekdays = calendar(&options, 27).weeks;
    options.calendar.working_days.clear();
    let of_all_days = calendar(&options, 27).weeks;
    assert_eq!(format!("{of_all_days:.1} {of_weekdays:.1}"), "61.7 64.6");
    options.in_flight = InFlight { ramp: 1, after: 2 };
    let pipelined = calendar(&options, 31).weeks;
    assert_eq!(format!("{pipelined:.1}"), "38.9");
    options.in_flight = InFlight { ramp: 2, after: 2 };
    let pipelined = calendar(&options, 31).weeks;
    assert_eq!(format!("{pipelined:.1}"), "36.6");
}

#[test]
fn a_freeze_moves_a_canary_and_a_rolling_update_but_not_a_bake() {
    let mut options = starting(START);
    let (bake, rollout) = (date(2026, 1, 8), date(2026, 1, 20));
    options.freezes = vec![freeze("audit", bake, date(2026, 1, 16))];
    let calm = &calendar(&options, 1).waves[0];
    assert_eq!((calm.end(), calm.moved_by.len()), (date(2026, 1, 20), 0));
    // The second day of the rolling update is frozen: it does not start before it either.
    options.freezes = vec![
        freeze("sale", rollout, rollout),
        freeze("new year", START, START),
    ];
    let moved = &calendar(&options, 1).waves[0];
    assert_eq!(moved.canary, date(2026, 1, 6));
    assert_eq!(moved.rollouts[0].from, date(2026, 1, 21));
    assert_eq!(moved.moved_by, ["new year", "sale"]);
}

#[test]
fn cells_follow_each_other_with_their_lag() {
    let mut options = starting(START);
    options.calendar.cells = vec!["small".to_owned(), "large".to_owned()];
    let wave = &calendar(&options, 1).waves[0];
    let days: Vec<_> = wave.rollouts.iter().map(|r| (r.from, r.to)).collect();
    let second = (date(2026, 1, 22), date(2026, 1, 23));
    assert_eq!(days, [(date(2026, 1, 19), date(2026, 1, 20)), second]);
    assert_eq!(wave.flips, date(2026, 1, 26));
}

#[test]
fn a_freeze_of_a_team_takes_the_waves_that_change_something_in_it() {
    let dates = Timetable::new(&starting(START)).unwrap();
    let of_team = |from, to| Freeze {
        teams: vec!["pay".to_owned()],
        ..freeze("close of the year", from, to)
    };
    // Wave 1 bakes, wave 2 has not started.
    assert_eq!(
        dates.frozen(&of_team(date(2026, 1, 6), date(2026, 1, 18))),
        []
    );
    assert_eq!(
        dates.frozen(&of_team(date(2026, 1, 20), date(2026, 1, 20))),
        [(1, 1)]
    );
    assert_eq!(
        dates.frozen(&of_team(date(2026, 1, 20), date(2026, 1, 21))),
        [(1, 2)]
    );
    assert_eq!(dates.frozen(&freeze("all", START, date(2027, 1, 1))), []);
}

#[test]
fn days_become_waves() {
    let dates = Timetable::new(&starting(START)).unwrap();
    assert_eq!(dates.first_wave_from(date(2020, 1, 1)), 1);
    assert_eq!(dates.first_wave_from(START), 1);
    assert_eq!(dates.first_wave_from(date(2026, 1, 6)), 2);
    assert_eq!(dates.last_wave_until(date(2026, 1, 19)), None);
    assert_eq!(dates.last_wave_until(date(2026, 1, 20)), Some(1));
}

#[test]
fn waves_carried_out_before_are_not_dated_again() {
    let options = PlanOptions {
        waves_done: 6,
        ..starting(START)
    };
    let waves = calendar(&options, 8).waves;
    assert_eq!((waves[0].wave, waves[0].canary, waves.len()), (7, START, 2));
}

#[test]
fn meshes_start_one_after_another() {
    let starts = staggered_starts(START, 3, 7);
    assert_eq!(starts, [START, date(2026, 1, 12), date(2026, 1, 19)]);
    assert_eq!(staggered_starts(START, 0, 7), []);
    assert_eq!(staggered_starts(START, 2, u32::MAX)[1], Date::MAX);
}

#[test]
fn every_day_has_a_number_and_every_number_a_day() {
    assert_eq!((number(Date::MAX), day(LAST + 1)), (LAST, Date::MAX));
    assert_eq!(day(number(Date::MIN)), Date::MIN);
    assert_eq!(day(i64::MIN), Date::MIN);
    assert_eq!(day(number(START)), START);
}

fn planned(options: &PlanOptions, services: usize) -> Plan {
    let service = |number: usize| (format!("service/s{number:03}"), PlanService::unknown());
    let input = PlanInput {
        services: (0..services).map(service).collect(),
        ..PlanInput::default()
    };
    plan(&input, options, None).unwrap()
}

#[test]
fn a_plan_with_a_start_has_dates_and_one_without_has_none() {
    let plan = planned(&starting(START), 4);
    let calendar = plan.calendar.unwrap();
    let waves: Vec<u32> = calendar.waves.iter().map(|wave| wave.wave).collect();
    let planned: Vec<u32> = plan.waves.iter().map(|wave| wave.wave).collect();
    assert_eq!(waves, planned);
    assert!(calendar.weeks >= calendar.mean_weeks);
    assert!(self::planned(&PlanOptions::default(), 4).calendar.is_none());
    assert!(self::planned(&starting(START), 0).calendar.is_none());
}

#[test]
fn a_service_stays_out_of_the_waves_of_its_freeze_and_before_its_last_day() {
    let mut options = starting(START);
    options.freezes = vec![Freeze {
        services: vec!["service/s000".to_owned()],
        ..freeze("migration", START, date(2026, 1, 30))
    }];
    let wave_of = |plan: &Plan, name: &str| {
        let mut waves = plan.waves.iter();
        let holds =
            |wave: &&crate::onboarding::Wave| wave.services.iter().any(|s| s.service == name);
        waves.find(holds).map(|wave| wave.wave)
    };
    assert_eq!(wave_of(&planned(&options, 2), "service/s000"), Some(3));
    let pinned = PlanService {
        pins: Pins {
            not_before_day: Some(date(2026, 1, 6)),
            ..Pins::NONE
        },
        status: Status::Pending,
        evidence: Evidence::FULL,
        ..PlanService::unknown()
    };
    let input = PlanInput {
        services: [("service/late".to_owned(), pinned)].into(),
        ..PlanInput::default()
    };
    let plan = plan(&input, &starting(START), None).unwrap();
    assert_eq!(wave_of(&plan, "service/late"), Some(2));
}

/// Numbers without measure are read as the nearest that do, and the plan says so.
#[test]
fn senseless_options_give_a_calendar_or_a_note() {
    let mut options = starting(START);
    options.calendar = CalendarOptions {
        start: Some(START),
        prepare_days: u32::MAX,
        bake_days: u32::MAX,
        rollout_days: 0,
        working_days: Vec::new(),
        cells: vec![String::new(); 3],
        cell_lag_days: u32::MAX,
    };
    options.in_flight = InFlight {
        ramp: 0,
        after: u32::MAX,
    };
    options.freezes = vec![freeze("five centuries", date(2526, 1, 1), START)];
    options.waves_done = u32::MAX - 3;
    let dates = Timetable::new(&options).unwrap();
    let calendar = dates.calendar(u32::MAX, &[(f64::NAN, 0)]).unwrap();
    assert!(calendar.start >= date(2400, 1, 1) && calendar.waves[0].canary > date(2526, 1, 1));
    assert_eq!(dates.notes(u32::MAX).len(), 6);
    for start in [Date::MAX, Date::MIN] {
        let plan = planned(&starting(start), 3);
        assert_eq!(plan.calendar.is_none(), start == Date::MAX);
        let told = plan
            .notes
            .iter()
            .any(|note| note.contains("no wave has dates"));
        assert_eq!(told, start == Date::MAX);
    }
    let mut options = starting(START);
    options.freezes = vec![freeze("for ever", Date::MIN, Date::MAX)];
    assert!(planned(&options, 3).calendar.is_none());
}

#[test]
fn very_many_cells_end_the_calendar_early() {
    let mut options = starting(START);
    options.calendar.cells = vec!["c".to_owned(); 40_000];
    options.calendar.cell_lag_days = 0;
    options.in_flight = InFlight {
        ramp: u32::MAX,
        after: u32::MAX,
    };
    let dates = Timetable::new(&options).unwrap();
    assert_eq!(dates.calendar(9, &[]).unwrap().waves.len(), 3);
    assert!(dates.notes(9)[0].starts_with("waves after 3 have no dates"));
}

fn any_day() -> impl Strategy<Value = Date> {
    (0..1100i32).prop_map(|days| START.saturating_add(days.days()))
}

fn any_options() -> impl Strategy<Value = PlanOptions> {
    let global = prop_oneof![3 => Just(true), 1 => Just(false)];
    let freezes = (any_day(), 0..40i32, global).prop_map(|(from, days, is_global)| Freeze {
        teams: if is_global {
            Vec::new()
        } else {
            vec!["pay".to_owned()]
        },
        ..freeze(
            &format!("freeze of {from}"),
            from,
            from.saturating_add(days.days()),
        )
    });
    let weekday = prop::sample::subsequence(CalendarOptions::default().working_days, 0..=5);
    let days = (0..5u32, 0..20u32, 0..7u32, 0..4u32);
    let steps = (any_day(), days, weekday, 0..4usize);
    let flight = (0..5u32, 0..5u32, 0..6u32);
    (steps, flight, prop::collection::vec(freezes, 0..12)).prop_map(
        |((start, days, working_days, cells), (ramp, after, waves_done), freezes)| PlanOptions {
            calendar: CalendarOptions {
                start: Some(start),
                prepare_days: days.0,
                bake_days: days.1,
                rollout_days: days.2,
                working_days,
                cells: (0..cells).map(|cell| format!("cell-{cell}")).collect(),
                cell_lag_days: days.3,
            },
            in_flight: InFlight { ramp, after },
            waves_done,
            freezes,
            ..PlanOptions::default()
        },
    )
}

/// Days from one to another, both included.
fn span(from: Date, to: Date) -> impl Iterator<Item = Date> {
    (number(from)..=number(to)).map(day)
}

fn is_working(options: &PlanOptions, day: Date) -> bool {
    let days = &options.calendar.working_days;
    let name = format!("{:?}", day.weekday());
    days.is_empty() || days.iter().any(|workday| format!("{workday:?}") == name)
}

fn is_frozen(options: &PlanOptions, day: Date) -> bool {
    let mut global = options.freezes.iter().filter(|freeze| freeze.is_global());
    global.any(|freeze| (freeze.from..=freeze.to).contains(&day))
}

proptest! {
    // Every timetable has all of its waves: slow without optimisation. Was run with 2,000 cases.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_changes_in_a_freeze_or_off_a_working_day(options in any_options()) {
        for wave in calendar(&options, options.waves_done + 12).waves {
            for day in [wave.canary, wave.flips] {
                prop_assert!(is_working(&options, day) && !is_frozen(&options, day), "{wave:?}");
            }
            for rollout in &wave.rollouts {
                prop_assert!(span(rollout.from, rollout.to).all(|day| !is_frozen(&options, day)));
                let days = span(rollout.from, rollout.to).filter(|day| is_working(&options, *day));
                prop_assert_eq!(days.count(), options.calendar.rollout_days.max(1) as usize);
                prop_assert!(is_working(&options, rollout.from) && is_working(&options, rollout.to));
            }
            let prepared = span(wave.prepare, wave.canary).filter(|day| is_working(&options, *day));
            prop_assert_eq!(prepared.count(), options.calendar.prepare_days as usize + 1);
        }
    }

    #[test]
    fn steps_follow_each_other_and_a_bake_is_never_short(options in any_options()) {
        let steps = &options.calendar;
        for wave in calendar(&options, options.waves_done + 12).waves {
            let baked = span(wave.canary, wave.bake_until).count();
            prop_assert_eq!(baked, steps.bake_days.max(1) as usize);
            let mut free = wave.bake_until;
            prop_assert_eq!(wave.rollouts.len(), steps.cells.len().max(1));
            for (number, rollout) in wave.rollouts.iter().enumerate() {
                prop_assert!(rollout.from > free && rollout.to >= rollout.from);
                prop_assert_eq!(rollout.cell.as_ref(), steps.cells.get(number));
                free = rollout.to.saturating_add(i64::from(steps.cell_lag_days).days());
            }
            prop_assert!(wave.flips > wave.end());
        }
    }

    /// On every day, those of the last wave that has started; and waves come in order.
    #[test]
    fn no_more_waves_are_in_flight_than_allowed(options in any_options()) {
        let waves = calendar(&options, options.waves_done + 14).waves;
        for (index, wave) in waves.iter().enumerate() {
            let in_flight = options.in_flight;
            let is_ramp = options.ramp.limits(wave.wave, 0).ramp;
            let allowed = if is_ramp { in_flight.ramp } else { in_flight.after };
            let open = waves[..=index].iter().filter(|other| other.end() >= wave.canary);
            prop_assert!(open.count() <= allowed.max(1) as usize);
            if let Some(before) = index.checked_sub(1).map(|before| &waves[before]) {
                prop_assert_eq!(wave.wave, before.wave + 1);
                prop_assert!(wave.canary > before.canary && wave.end() >= before.end());
            }
        }
    }

    #[test]
    fn freezes_may_stand_in_any_order_and_only_those_in_the_way_are_named(options in any_options()) {
        let mut turned = options.clone();
        turned.freezes.reverse();
        prop_assert_eq!(Timetable::new(&turned), Timetable::new(&options));
        let global: BTreeSet<&str> = options
            .freezes
            .iter()
            .filter(|freeze| freeze.is_global())
            .map(|freeze| freeze.name.as_str())
            .collect();
        let mut free = options.clone();
        free.freezes.clear();
        let undisturbed = calendar(&free, options.waves_done + 12).waves;
        let waves = calendar(&options, options.waves_done + 12).waves;
        prop_assert!(waves.iter().flat_map(|wave| &wave.moved_by).all(|name| global.contains(name.as_str())));
        let is_moved = waves.iter().any(|wave| !wave.moved_by.is_empty());
        prop_assert_eq!(is_moved, waves != undisturbed);
    }

    #[test]
    fn a_frozen_service_changes_on_no_day_of_its_freeze(options in any_options()) {
        let dates = Timetable::new(&options).unwrap();
        let waves = calendar(&options, options.waves_done + 30).waves;
        for freeze in options.freezes.iter().filter(|freeze| !freeze.is_global()) {
            let frozen = dates.frozen(freeze);
            prop_assert!(frozen.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            for wave in &waves {
                let changes = std::iter::once((wave.canary, wave.canary))
                    .chain(wave.rollouts.iter().map(|rollout| (rollout.from, rollout.to)));
                let touched = changes
                    .flat_map(|(from, to)| span(from, to))
                    .any(|day| (freeze.from..=freeze.to).contains(&day));
                let is_taken = frozen.iter().any(|(from, to)| (*from..=*to).contains(&wave.wave));
                prop_assert_eq!(touched, is_taken);
            }
        }
    }
}
