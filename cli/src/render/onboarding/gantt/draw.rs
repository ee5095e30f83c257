//! The picture: names on the left, an axis of days above, bands of freezes, bars of waves.

use jiff::civil::Date;
use plotters::coord::types::RangedCoordi32;
use plotters::prelude::*;
use tracemesh_graph::onboarding::{Calendar, Freeze, Plan};

use super::super::plot::axis::{Axis, days_between};
use super::super::plot::{
    Anchor, Area, BLUE, Drawn, FAINT, GREEN, GREY, INK, ORANGE, SKY, bold, ink, name, write,
};
use super::LANE;
use super::rows::{Bar, Row};

/// Width of the names.
const NAMES: i32 = 250;

/// Height above the axis: title, legend.
const HEAD: i32 = 96;

/// Height of the axis with names of freezes above.
const AXIS: i32 = 44;

/// Freezes.
const FROZEN: RGBColor = RGBColor(0xE4, 0xE7, 0xEB);

/// Names of freezes.
const FROZEN_INK: RGBColor = RGBColor(0x3D, 0x4A, 0x5C);

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, RangedCoordi32>>;

/// Sizes of the chart in pixels.
pub(super) struct Frame {
    width: i32,
    height: i32,
}

/// Days as numbers since the first one.
struct Days {
    first: Date,
    last: Date,
}

impl Days {
    fn of(calendar: &Calendar) -> Self {
        let flips = calendar.waves.last().map(|dates| dates.flips);
        Self {
            first: calendar.start,
            last: flips.unwrap_or(calendar.end),
        }
    }

    /// Beginning of a day, inside of the chart.
    fn at(&self, day: Date) -> f64 {
        days_between(self.first, day.clamp(self.first, self.last))
    }

    /// Whether a freeze holds on one of them.
    fn touch(&self, freeze: &Freeze) -> bool {
        let (from, to) = (freeze.from.min(freeze.to), freeze.from.max(freeze.to));
        to >= self.first && from <= self.last
    }

    /// End of a day.
    fn after(&self, day: Date) -> f64 {
        self.at(day) + 1.0
    }
}

impl Frame {
    pub(super) const fn new(width: i32, height: i32) -> Self {
        Self { width, height }
    }

    /// Size of the picture.
    pub(super) fn size(&self) -> (u32, u32) {
        let pixels = |size: i32| u32::try_from(size).unwrap_or(u32::MAX);
        (
            pixels(NAMES + self.width + 24),
            pixels(HEAD + AXIS + self.height + 16),
        )
    }

    pub(super) fn draw(
        &self,
        area: &Area<'_>,
        plan: &Plan,
        calendar: &Calendar,
        rows: &[Row<'_>],
    ) -> Drawn {
        head(area, plan, calendar)?;
        let (_, below) = area.split_vertically(HEAD);
        names(&below, rows)?;
        let days = Days::of(calendar);
        let body = below.margin(0, 16, NAMES, 24);
        let mut chart = ChartBuilder::on(&body)
            .set_label_area_size(LabelAreaPosition::Top, AXIS)
            .build_cartesian_2d(Axis::days(days.first, days.last), self.height..0)?;
        let global = plan
            .options
            .freezes
            .iter()
            .filter(|freeze| freeze.is_global());
        for freeze in global {
            band(&mut chart, &days, freeze, (0, self.height))?;
        }
        stripes(&mut chart, &days, rows)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .bold_line_style(FAINT)
            .light_line_style(TRANSPARENT)
            .axis_style(GREY)
            .label_style(ink(12, GREY, Anchor::Middle))
            .draw()?;
        freeze_names(area, &chart, plan, &days)?;
        let mut tops = Vec::new();
        let mut top = 0;
        for row in rows {
            tops.extend(row.bars.iter().map(|bar| (bar, top + bar.lane * LANE)));
            top += row.lanes * LANE;
        }
        for (bar, top) in &tops {
            wave(area, &mut chart, &days, bar, *top)?;
        }
        // The next wave may start on the day of the flips: they stand on top of all bars.
        for (bar, top) in &tops {
            let x = x_of(&chart, days.at(bar.dates.flips) + 0.5);
            flip(area, (x, HEAD + AXIS + top + LANE / 2))?;
        }
        Ok(())
    }
}

fn head(area: &Area<'_>, plan: &Plan, calendar: &Calendar) -> Drawn {
    let mesh = plan.mesh.as_deref();
    let mesh = mesh.map(|mesh| format!(" of mesh {}", name(mesh, 40)));
    let title = format!("Onboarding calendar{}", mesh.unwrap_or_default());
    write(area, &title, (24, 26), &bold(20, INK, Anchor::Left))?;
    let mut weeks = format!(
        "{} to {}: {:.0} weeks, {:.0} on average until protection arrives",
        calendar.start, calendar.end, calendar.weeks, calendar.mean_weeks
    );
    let dated = calendar.waves.last().map_or(0, |dates| dates.wave);
    if plan.waves.last().is_some_and(|wave| wave.wave > dated) {
        weeks.push_str(&format!("; waves after {dated} have no dates"));
    }
    write(area, &weeks, (24, 50), &ink(13, GREY, Anchor::Left))?;
    legend(area)
}

fn legend(area: &Area<'_>) -> Drawn {
    let entries = [
        (BLUE, "canary starts", 118),
        (SKY, "bake", 70),
        (GREEN, "rolling update", 122),
        (FROZEN, "freeze", 76),
    ];
    let (mut left, middle) = (24, 76);
    for (color, text, width) in entries {
        let corners = [(left, middle - 6), (left + 16, middle + 6)];
        area.draw(&Rectangle::new(corners, color.filled()))?;
        write(
            area,
            text,
            (left + 22, middle),
            &ink(12, GREY, Anchor::Left),
        )?;
        left += width + 8;
    }
    flip(area, (left + 8, middle))?;
    write(
        area,
        "flips",
        (left + 22, middle),
        &ink(12, GREY, Anchor::Left),
    )?;
    let text = "3 x2: two services join in wave 3";
    write(
        area,
        text,
        (left + 72, middle),
        &ink(12, GREY, Anchor::Left),
    )
}

/// A diamond: what needs both ends is switched on.
fn flip(area: &Area<'_>, (x, y): (i32, i32)) -> Drawn {
    let corners = [(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)];
    area.draw(&Polygon::new(corners, ORANGE.filled()))
}

fn names(area: &Area<'_>, rows: &[Row<'_>]) -> Drawn {
    let mut top = AXIS;
    for (number, row) in rows.iter().enumerate() {
        let middle = top + LANE / 2;
        let text = row
            .team
            .map_or_else(|| row.title.to_owned(), |team| name(team, 24));
        let style = if number == 0 {
            bold(12, INK, Anchor::Left)
        } else {
            ink(12, INK, Anchor::Left)
        };
        write(area, &text, (24, middle), &style)?;
        write(
            area,
            &row.base,
            (NAMES - 12, middle),
            &ink(11, GREY, Anchor::Right),
        )?;
        top += row.lanes * LANE;
    }
    Ok(())
}

fn band(
    chart: &mut Chart<'_, '_>,
    days: &Days,
    freeze: &Freeze,
    (top, bottom): (i32, i32),
) -> Drawn {
    if !days.touch(freeze) {
        return Ok(());
    }
    let (from, to) = (freeze.from.min(freeze.to), freeze.from.max(freeze.to));
    let corners = [(days.at(from), top), (days.after(to), bottom)];
    chart.draw_series([Rectangle::new(corners, FROZEN.filled())])?;
    Ok(())
}

/// Lines between the rows, and freezes of single rows.
fn stripes(chart: &mut Chart<'_, '_>, days: &Days, rows: &[Row<'_>]) -> Drawn {
    let mut top = 0;
    let end = days.after(days.last);
    for row in rows {
        let bottom = top + row.lanes * LANE;
        for freeze in &row.freezes {
            band(chart, days, freeze, (top + 1, bottom))?;
        }
        chart.draw_series([PathElement::new([(0.0, bottom), (end, bottom)], FAINT)])?;
        top = bottom;
    }
    Ok(())
}

/// Names of the freezes of everything above the axis, where there is room. `area` is the whole picture.
fn freeze_names(area: &Area<'_>, chart: &Chart<'_, '_>, plan: &Plan, days: &Days) -> Drawn {
    let mut global: Vec<&Freeze> = plan.options.freezes.iter().collect();
    global.retain(|freeze| freeze.is_global() && days.touch(freeze));
    global.sort_by_key(|freeze| freeze.from.min(freeze.to));
    let mut free = i32::MIN;
    for freeze in global {
        let x = x_of(chart, days.at(freeze.from.min(freeze.to)));
        if x >= free {
            let text = name(&freeze.name, 24);
            free = x + 8 + 6 * i32::try_from(text.chars().count()).unwrap_or(0);
            let style = ink(11, FROZEN_INK, Anchor::Left);
            write(area, &text, (x, HEAD + 10), &style)?;
        }
    }
    Ok(())
}

/// Pixels from the left side of the picture.
fn x_of(chart: &Chart<'_, '_>, day: f64) -> i32 {
    chart.plotting_area().map_coordinate(&(day, 0)).0
}

/// A bar: bake, canary, rolling updates, and its number where it fits.
fn wave(area: &Area<'_>, chart: &mut Chart<'_, '_>, days: &Days, bar: &Bar<'_>, top: i32) -> Drawn {
    let dates = bar.dates;
    let (high, low) = (top + 3, top + LANE - 3);
    let block = |from: f64, to: f64, color: RGBColor| {
        Rectangle::new([(from, high), (to, low)], color.filled())
    };
    let (canary, baked) = (days.at(dates.canary), days.after(dates.bake_until));
    // A thin line through all of a wave: a freeze may part its bake from its rolling updates by weeks.
    let line = [
        (canary, top + LANE / 2 - 1),
        (days.at(dates.flips), top + LANE / 2 + 1),
    ];
    let mut blocks = vec![
        Rectangle::new(line, SKY.filled()),
        block(canary, baked, SKY),
        block(canary, canary + 1.0, BLUE),
    ];
    for rollout in &dates.rollouts {
        blocks.push(block(days.at(rollout.from), days.after(rollout.to), GREEN));
    }
    chart.draw_series(blocks)?;
    let text = format!("{} x{}", dates.wave, bar.services);
    let (from, to) = (x_of(chart, canary + 1.0), x_of(chart, baked));
    if to - from >= 6 * i32::try_from(text.len()).unwrap_or(0) + 8 {
        let style = ink(11, INK, Anchor::Left);
        write(
            area,
            &text,
            (from + 6, HEAD + AXIS + top + LANE / 2),
            &style,
        )?;
    }
    Ok(())
}
