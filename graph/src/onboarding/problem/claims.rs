//! What the pins of a service claim of its waves, each with its words.

use super::super::dates::Timetable;
use super::{MAX_PINNED_WAVE, Problem};

/// A pin as first and last wave allowed.
pub(super) struct Claim {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) words: String,
}

/// The pins of a service that say something about waves. A wave above the largest that a pin can ask for is read as that one.
pub(super) fn claims(
    problem: &Problem<'_>,
    service: usize,
    dates: Option<&Timetable>,
) -> Vec<Claim> {
    let pins = &problem.model.services[service].pins;
    let id = &problem.model.ids[service];
    let most = problem.options.waves_done.saturating_add(MAX_PINNED_WAVE);
    let least = |wave: u32| wave.min(most);
    let mut claims = Vec::new();
    let mut claim = |from: u32, to: u32, words: String| claims.push(Claim { from, to, words });
    if let Some(wave) = pins.wave.map(least) {
        claim(wave, wave, format!("`{id}` in wave {wave}"));
    }
    if let Some(wave) = pins.not_before.map(least) {
        claim(wave, u32::MAX, format!("`{id}` not before wave {wave}"));
    }
    if let Some(wave) = pins.not_after.map(least) {
        claim(0, wave, format!("`{id}` not after wave {wave}"));
    }
    let Some(dates) = dates else {
        return claims;
    };
    if let Some(day) = pins.not_before_day {
        let wave = least(dates.first_wave_from(day));
        let words = format!("`{id}` not before {day}, which is wave {wave}");
        claim(wave, u32::MAX, words);
    }
    if let Some(day) = pins.not_after_day {
        let words = |wave: &str| format!("`{id}` not after {day}, which is {wave}");
        match dates.last_wave_until(day) {
            Some(wave) => claim(0, least(wave), words(&format!("wave {}", least(wave)))),
            None => claim(0, 0, words("before the first wave ends")),
        }
    }
    claims
}
