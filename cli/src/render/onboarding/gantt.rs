//! The calendar of a plan as an SVG: one row per team, one bar per wave in which it has services, freezes as bands.
//!
//! Place in the flow: [`Plan`] -> `Chart` (rows and lanes) -> SVG. None without a calendar. Bars of one row that overlap in time, with
//! several waves in flight, stand in lanes below each other. The picture grows with teams and weeks, up to a width at which numbers
//! in narrow bars are left out; nothing else ever is.

use tracemesh_graph::onboarding::{Calendar, Plan};

use super::plot::svg;

mod draw;
mod rows;

use self::draw::Frame;
use self::rows::rows;

/// Height of a lane.
const LANE: i32 = 20;

/// Pixels of a week, as long as the picture stays below [`WIDEST`].
const WEEK: f64 = 26.0;

/// Narrowest and widest chart, without names.
const NARROWEST: f64 = 820.0;
const WIDEST: f64 = 3600.0;

/// The Gantt chart by team; none without a calendar. Same plan, same bytes.
#[must_use]
pub fn gantt_svg(plan: &Plan) -> Option<String> {
    let calendar = plan.calendar.as_ref()?;
    let rows = rows(plan, calendar);
    let lanes: i32 = rows.iter().map(|row| row.lanes).sum();
    let frame = Frame::new(width(calendar), lanes * LANE);
    let title = "Calendar of the onboarding by team";
    Some(svg(frame.size(), title, |area| {
        frame.draw(area, plan, calendar, &rows)
    }))
}

fn width(calendar: &Calendar) -> i32 {
    let width = (calendar.weeks * WEEK).clamp(NARROWEST, WIDEST);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "between two small constants"
    )]
    let width = width.round() as i32;
    width
}
