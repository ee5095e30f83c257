//! The protection curves as an SVG: which share of traffic each class of features protects after each wave, and which part of the
//! exposure to retry storms is left.
//!
//! Place in the flow: [`Plan`] -> SVG. The axis has days when every wave has dates, and the numbers of waves otherwise. Protection
//! arrives at the end of the rolling updates of a wave, so the curves are steps. What no wave can reach is marked.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use tracemesh_graph::onboarding::{CurvePoint, Plan};

use super::plot::axis::{Axis, days_between};
use super::plot::{
    Anchor, Area, BLUE, Drawn, FAINT, GREEN, GREY, INK, ORANGE, PURPLE, VERMILION, bold, ink, name,
    svg, write,
};
use super::words::percent;

/// Picture in pixels.
const SIZE: (u32, u32) = (1160, 600);

/// Width of the legend.
const LEGEND: i32 = 330;

/// Room beside the curves, as a share of their width.
const ROOM: f64 = 0.012;

/// Most marks on a curve.
const MARKS: usize = 24;

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, RangedCoordf64>>;

/// A curve.
struct Curve {
    name: &'static str,
    meaning: &'static str,
    color: RGBColor,
    value: fn(&CurvePoint) -> f64,
    /// The best that the plan reaches; the exposure has none.
    best: Option<f64>,
}

/// The protection curves. Same plan, same bytes.
#[must_use]
pub fn protection_svg(plan: &Plan) -> String {
    svg(SIZE, "Protection after each wave", |area| {
        let (main, side) = area.split_horizontally(i32::try_from(SIZE.0).unwrap_or(0) - LEGEND);
        head(&main, plan)?;
        let curves = curves(plan);
        legend(&side, plan, &curves)?;
        let body = main.margin(72, 12, 12, 0);
        chart(&body, plan, &curves)
    })
}

fn head(area: &Area<'_>, plan: &Plan) -> Drawn {
    let mesh = plan
        .mesh
        .as_deref()
        .map(|mesh| format!(" of mesh {}", name(mesh, 40)));
    let title = format!("Protection after each wave{}", mesh.unwrap_or_default());
    write(area, &title, (24, 28), &bold(20, INK, Anchor::Left))?;
    let waves = match plan.summary.waves {
        1 => "1 wave".to_owned(),
        waves => format!("{waves} waves"),
    };
    let base = format!(
        "{} of {} services in {waves}; shares of all calls (shed) and of calls by services (client, both, strict)",
        plan.summary.planned, plan.summary.services
    );
    write(area, &base, (24, 54), &ink(13, GREY, Anchor::Left))
}

/// From the one that is drawn first.
fn curves(plan: &Plan) -> [Curve; 5] {
    let best = plan.maximum;
    let curve = |name, meaning, color, value, best| Curve {
        name,
        meaning,
        color,
        value,
        best,
    };
    [
        curve(
            "exposure",
            "to retry storms that is left",
            VERMILION,
            |p| p.exposure,
            None,
        ),
        curve(
            "strict",
            "callee can refuse plaintext",
            PURPLE,
            |p| p.curves.strict,
            Some(best.strict),
        ),
        curve(
            "both",
            "mTLS and identity: both ends in",
            GREEN,
            |p| p.curves.both,
            Some(best.both),
        ),
        curve(
            "client",
            "timeouts, ejection, limits: caller in",
            ORANGE,
            |p| p.curves.client,
            Some(best.client),
        ),
        curve(
            "shed",
            "callee sheds load: callee in",
            BLUE,
            |p| p.curves.shed,
            Some(best.shed),
        ),
    ]
}

/// Names, meanings and the numbers at the end, in the order of the feature classes.
fn legend(area: &Area<'_>, plan: &Plan, curves: &[Curve]) -> Drawn {
    let at = |number: usize| i32::try_from(number).unwrap_or(0);
    for (number, curve) in curves.iter().rev().enumerate() {
        let top = 104 + 76 * at(number);
        let style = curve.color.stroke_width(3);
        area.draw(&PathElement::new([(8, top), (44, top)], style))?;
        mark(area, curve, (26, top))?;
        write(area, curve.name, (54, top), &bold(14, INK, Anchor::Left))?;
        write(
            area,
            curve.meaning,
            (54, top + 19),
            &ink(12, GREY, Anchor::Left),
        )?;
        let end = match (curve.best, plan.curves.last()) {
            (Some(best), _) => format!("reaches {}", percent(best)),
            (None, Some(last)) => format!("ends at {}", percent((curve.value)(last))),
            (None, None) => String::new(),
        };
        write(area, &end, (54, top + 37), &ink(12, GREY, Anchor::Left))?;
    }
    let below = 104 + 76 * 5;
    let dots = [(8, 12), (17, 21), (26, 30), (35, 39)];
    for (from, to) in dots {
        area.draw(&PathElement::new(
            [(from, below), (to, below)],
            GREY.stroke_width(1),
        ))?;
    }
    let text = "achievable maximum, where below 100 %";
    write(area, text, (54, below), &ink(12, GREY, Anchor::Left))
}

/// Where the protection of each wave arrives, and the axis for it.
fn places(plan: &Plan) -> (Axis, Vec<f64>, &'static str) {
    if let Some(dated) = dated(plan) {
        return dated;
    }
    let waves = || plan.curves.iter().map(|point| point.wave);
    let (first, last) = (
        waves().next().unwrap_or(0),
        waves().next_back().unwrap_or(0),
    );
    let at = waves().map(f64::from).collect();
    (Axis::waves(first, last).with_room(ROOM), at, "wave")
}

fn dated(plan: &Plan) -> Option<(Axis, Vec<f64>, &'static str)> {
    let calendar = plan.calendar.as_ref()?;
    let (first, last) = (calendar.waves.first()?, calendar.waves.last()?);
    let start = first.canary;
    let at = |point: &CurvePoint| {
        let index = calendar
            .waves
            .binary_search_by_key(&point.wave, |dates| dates.wave);
        match index {
            Ok(index) => Some(days_between(start, calendar.waves[index].end()) + 1.0),
            Err(0) => Some(0.0),
            Err(_) => None,
        }
    };
    let places = plan.curves.iter().map(at).collect::<Option<Vec<f64>>>()?;
    let label = "end of the rolling updates; the numbers above are waves";
    let axis = Axis::days(start, last.end()).with_room(ROOM);
    Some((axis, places, label))
}

fn chart(area: &Area<'_>, plan: &Plan, curves: &[Curve]) -> Drawn {
    let (axis, at, axis_name) = places(plan);
    let mut chart = ChartBuilder::on(area)
        .x_label_area_size(56)
        .y_label_area_size(64)
        .margin_right(16)
        .margin_top(16)
        .build_cartesian_2d(axis, -0.02..1.02)?;
    chart
        .configure_mesh()
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .axis_style(GREY)
        .y_labels(11)
        .y_label_formatter(&|share: &f64| format!("{:.0} %", 100.0 * share.abs()))
        .label_style(ink(13, GREY, Anchor::Middle))
        .axis_desc_style(ink(13, GREY, Anchor::Middle))
        .x_desc(axis_name)
        .draw()?;
    for curve in curves {
        maximum(&mut chart, curve)?;
    }
    for curve in curves {
        steps(&mut chart, plan, &at, curve)?;
    }
    if axis_name != "wave" {
        wave_numbers(area, &chart, plan, &at)?;
    }
    Ok(())
}

/// A broken line at what the curve can reach.
fn maximum(chart: &mut Chart<'_, '_>, curve: &Curve) -> Drawn {
    let Some(best) = curve.best.filter(|best| *best < 0.995) else {
        return Ok(());
    };
    let range = chart.as_coord_spec().get_x_range();
    let (from, width) = (range.start, range.end - range.start);
    let dash = move |number: u32| {
        let start = from + width * f64::from(number) / 80.0;
        PathElement::new(
            [(start, best), (start + width / 160.0, best)],
            curve.color.stroke_width(1),
        )
    };
    chart.draw_series((0..80).map(dash))?;
    Ok(())
}

fn steps(chart: &mut Chart<'_, '_>, plan: &Plan, at: &[f64], curve: &Curve) -> Drawn {
    let mut corners: Vec<(f64, f64)> = Vec::with_capacity(2 * at.len());
    for (place, point) in at.iter().zip(&plan.curves) {
        let value = (curve.value)(point).clamp(0.0, 1.0);
        if let Some((_, before)) = corners.last().copied() {
            corners.push((*place, before));
        }
        corners.push((*place, value));
    }
    chart.draw_series([PathElement::new(corners, curve.color.stroke_width(3))])?;
    let stride = at.len().div_ceil(MARKS).max(1);
    let area = chart.plotting_area().strip_coord_spec();
    for (place, point) in at.iter().zip(&plan.curves).step_by(stride) {
        let value = (curve.value)(point).clamp(0.0, 1.0);
        mark(&area, curve, pixel(chart, (*place, value)))?;
    }
    Ok(())
}

/// A place of the chart in pixels of its plotting area.
fn pixel(chart: &Chart<'_, '_>, at: (f64, f64)) -> (i32, i32) {
    let area = chart.plotting_area();
    let ((x, y), (left, top)) = (area.map_coordinate(&at), area.get_base_pixel());
    (x - left, y - top)
}

/// Numbers of the waves above the chart, as many as there is room for.
fn wave_numbers(area: &Area<'_>, chart: &Chart<'_, '_>, plan: &Plan, at: &[f64]) -> Drawn {
    let (left, top) = area.get_base_pixel();
    let mut free = i32::MIN;
    for (place, point) in at.iter().zip(&plan.curves).skip(1) {
        let (x, y) = chart.plotting_area().map_coordinate(&(*place, 1.02));
        if x >= free {
            let text = point.wave.to_string();
            free = x + 10 + 8 * i32::try_from(text.len()).unwrap_or(0);
            let above = (x - left, y - top - 10);
            write(area, &text, above, &ink(11, GREY, Anchor::Middle))?;
        }
    }
    Ok(())
}

/// A mark whose shape names the curve as its colour does.
fn mark(area: &Area<'_>, curve: &Curve, (x, y): (i32, i32)) -> Drawn {
    let shape: &[(i32, i32)] = match curve.name {
        "shed" => &[(-4, -4), (4, -4), (4, 4), (-4, 4)],
        "client" => &[(0, -6), (5, 4), (-5, 4)],
        "both" => &[(0, -6), (6, 0), (0, 6), (-6, 0)],
        "strict" => &[(0, 6), (5, -4), (-5, -4)],
        _ => &[
            (-2, -5),
            (2, -5),
            (5, -2),
            (5, 2),
            (2, 5),
            (-2, 5),
            (-5, 2),
            (-5, -2),
        ],
    };
    let corners: Vec<(i32, i32)> = shape.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
    area.draw(&Polygon::new(corners, curve.color.filled()))
}
