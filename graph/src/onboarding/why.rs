//! Why each service is in no earlier wave: the finished plan is asked again, wave by wave, by the same rules that made it.

use super::board::{Board, Obstacle};
use super::outcome::{BlockReason, Blocked};
use super::problem::Problem;

/// By item: the runs of waves that it could not join, each with its reason.
pub(super) fn blocked(board: &Board<'_>, item: usize) -> Vec<Blocked> {
    let mut runs: Vec<Blocked> = Vec::new();
    for wave in board.problem.first_wave()..board.wave_of[item] {
        let reason = match board.obstacle(item, wave) {
            Some(obstacle) => reason(board, wave, obstacle),
            None => BlockReason::WorthLess,
        };
        match runs.last_mut() {
            Some(last) if last.reason == reason => last.to = wave,
            _ => runs.push(Blocked {
                from: wave,
                to: wave,
                reason,
            }),
        }
    }
    runs
}

fn reason(board: &Board<'_>, wave: u32, obstacle: Obstacle) -> BlockReason {
    let problem = board.problem;
    let service = |item: usize| name(problem, item);
    match obstacle {
        Obstacle::TooEarly(wave) => BlockReason::NotBefore { wave },
        Obstacle::TooLate(wave) => BlockReason::NotAfter { wave },
        Obstacle::Frozen(freeze) => BlockReason::Freeze {
            freeze: problem.options.freezes[freeze].name.clone(),
        },
        Obstacle::After(other) => BlockReason::After {
            service: service(other),
        },
        Obstacle::Before(other) => BlockReason::Before {
            service: service(other),
        },
        Obstacle::RiskCeiling(ceiling) => BlockReason::RiskCeiling { ceiling },
        Obstacle::TrafficRamp(cap) => BlockReason::TrafficRamp { cap },
        Obstacle::SizeRamp(cap) => BlockReason::SizeRamp { cap },
        Obstacle::NeedsOwnWave => BlockReason::NeedsOwnWave,
        Obstacle::WaveTaken(other) => BlockReason::WaveTaken { by: service(other) },
        Obstacle::WaveFull => BlockReason::WaveFull,
        Obstacle::Adjacent(other) => BlockReason::Adjacent {
            service: service(other),
            in_wave: board.wave_of[other],
        },
        Obstacle::Apart(other) => BlockReason::Apart {
            service: service(other),
        },
        Obstacle::TeamFull(team) => BlockReason::TeamFull {
            team: problem.teams[team].to_owned(),
        },
        Obstacle::TrafficCap(cap) => {
            debug_assert!(!board.load(wave).items.is_empty(), "an empty wave has room");
            BlockReason::TrafficCap { cap }
        }
    }
}

/// The first service of an item stands for it.
fn name(problem: &Problem<'_>, item: usize) -> String {
    problem.model.ids[problem.items[item].members[0]].clone()
}
