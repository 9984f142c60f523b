//! A code as vector graphics: white marks on an ink-coloured disc, which keeps its contrast on any page, with a tick in the
//! middle.

use core::fmt::Write as _;

use super::CODE_LEN;
use super::rings::{DISC_RADIUS, MARK_WIDTH, RADII, Rings, Run, point};

/// The width and height of the drawing's own coordinates.
const SIDE: f64 = 1000.0;
const INK: &str = "#10162f";
const PAPER: &str = "#ffffff";
const TICK: &str = "#0f766e";

/// Draws a code. It is as large as the page makes it; `title` is read out to those who cannot see it.
///
/// Every mark is a path with round ends, so that a dot is an arc of no length.
pub fn draw(code: &[u8; CODE_LEN], title: &str) -> String {
    let mut paths = String::new();
    for run in Rings::of(code).runs() {
        paths.push_str(&path(&run));
    }
    let title = escaped(title);
    let (middle, disc, width) = (SIDE / 2.0, scaled(DISC_RADIUS), scaled(MARK_WIDTH));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIDE} {SIDE}\" role=\"img\" aria-label=\"{title}\">\
         <title>{title}</title>\
         <circle cx=\"{middle}\" cy=\"{middle}\" r=\"{middle}\" fill=\"{INK}\"/>\
         <circle cx=\"{middle}\" cy=\"{middle}\" r=\"{disc}\" fill=\"{PAPER}\"/>\
         <path d=\"M425 505l52 52 98-108\" fill=\"none\" stroke=\"{TICK}\" stroke-width=\"34\" \
         stroke-linecap=\"round\" stroke-linejoin=\"round\"/>\
         <path d=\"{}\" fill=\"none\" stroke=\"{PAPER}\" stroke-width=\"{width}\" stroke-linecap=\"round\"/>\
         </svg>",
        paths.trim_end()
    )
}

/// One run: where it begins, then one arc clockwise to its end, or two of half a circle.
fn path(run: &Run) -> String {
    let radius = scaled(RADII[run.ring]);
    let place = |position| {
        let (x, y) = point(run.ring, position);
        (SIDE / 2.0 + scaled(x), SIDE / 2.0 + scaled(y))
    };
    let all = super::rings::positions(run.ring);
    let half = all / 2;
    let (x, y) = place(run.start);
    let mut text = format!("M{x:.2} {y:.2}");
    let stops = match run.len {
        len if len == all => vec![(run.start + half, false), (run.start, false)],
        // A line of no length: with round ends that is a dot.
        1 => {
            text.push_str("h0 ");
            return text;
        }
        len => vec![(run.end(), len - 1 > half)],
    };
    for (stop, large) in stops {
        let (x, y) = place(stop);
        // Writing to a string cannot fail.
        let _ = write!(text, "A{radius:.2} {radius:.2} 0 {} 1 {x:.2} {y:.2}", u8::from(large));
    }
    text.push(' ');
    text
}

/// From parts of the half width to the drawing's coordinates.
fn scaled(length: f64) -> f64 {
    length * SIDE / 2.0
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no way to write the others.
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
