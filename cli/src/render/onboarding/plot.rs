//! What the two drawings of a plan share: a canvas that becomes an SVG, an axis of waves or days, and colours.
//!
//! Place in the flow: [`Plan`](tracemesh_graph::onboarding::Plan) -> `protection_svg`, `gantt` -> `plot` -> plotters -> SVG. Widths of
//! text are estimated from its length, never measured with the fonts of a machine: same plan, same bytes. A drawing refers to nothing
//! outside of itself. Colours are those of Okabe and Ito, which people with any colour vision tell apart, and no meaning rests on
//! colour alone.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::text::clip;

pub(super) mod axis;
#[cfg(test)]
pub(super) mod tests;

/// A part of the picture, in pixels from its own upper left corner.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What drawing comes to.
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Load shedding.
pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Client features.
pub(super) const ORANGE: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
/// What needs both ends.
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x9E, 0x73);
/// Strict mTLS.
pub(super) const PURPLE: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
/// What is still exposed.
pub(super) const VERMILION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// A bake.
pub(super) const SKY: RGBColor = RGBColor(0x9F, 0xD3, 0xF2);
/// Text.
pub(super) const INK: RGBColor = RGBColor(0x22, 0x28, 0x31);
/// Text that matters less, and frames.
pub(super) const GREY: RGBColor = RGBColor(0x5B, 0x64, 0x70);
/// Lines of a grid.
pub(super) const FAINT: RGBColor = RGBColor(0xDD, 0xE1, 0xE6);

/// Fonts that some machine has; the last one is a class that every reader knows.
const FONTS: &str = "Helvetica, Arial, sans-serif";

/// plotters divides sizes by it.
const FONT_SCALE: f64 = 1.24;

/// Where text is held.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    /// At its left end.
    Left,
    /// In the middle.
    Middle,
    /// At its right end.
    Right,
}

/// How text looks; it is always centred on its line.
pub(super) fn ink(pixels: u32, color: RGBColor, anchor: Anchor) -> TextStyle<'static> {
    styled(pixels, FontStyle::Normal, color, anchor)
}

/// The same in bold.
pub(super) fn bold(pixels: u32, color: RGBColor, anchor: Anchor) -> TextStyle<'static> {
    styled(pixels, FontStyle::Bold, color, anchor)
}

fn styled(pixels: u32, style: FontStyle, color: RGBColor, anchor: Anchor) -> TextStyle<'static> {
    let font = FontDesc::new(
        FontFamily::Name(FONTS),
        f64::from(pixels) * FONT_SCALE,
        style,
    );
    let position = match anchor {
        Anchor::Left => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::Right => HPos::Right,
    };
    TextStyle {
        font,
        color: color.to_backend_color(),
        pos: Pos::new(position, VPos::Center),
    }
}

/// Writes text at a place.
pub(super) fn write(area: &Area<'_>, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> Drawn {
    area.draw(&Text::new(text.to_owned(), at, style.clone()))
}

/// A name as a drawing may show it: of at most `width` characters, with nothing that an XML reader refuses or that reorders what
/// stands beside it.
pub(super) fn name(text: &str, width: usize) -> String {
    let shown = clip(text, width);
    // The two characters that XML does not know and `printable` lets through.
    shown
        .replace('\u{fffe}', "\\u{fffe}")
        .replace('\u{ffff}', "\\u{ffff}")
}

/// An SVG of this size in pixels, with a title for those who do not see it.
pub(super) fn svg(size: (u32, u32), title: &str, draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut text = String::new();
    drawn(&mut text, size, draw).expect("a string takes every drawing");
    let version = env!("CARGO_PKG_VERSION");
    let title = escaped(title);
    let head = format!(
        " role=\"img\">\n<title>{title}</title>\n<desc>Made by tracemesh {version} from observed traces.</desc>\n"
    );
    // The first tag is the `svg` of the library, which writes nothing else about the drawing.
    text.replacen(">\n", &head, 1)
}

fn drawn(text: &mut String, size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Drawn {
    let area = SVGBackend::with_string(text, size).into_drawing_area();
    area.fill(&WHITE)?;
    draw(&area)?;
    area.present()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
