//! Pictures made of block characters, and QR codes.

use fast_qr::qr::{QRBuilder, QRCode};
use quittance_code_api::drawn_code::CODE_LEN;
use quittance_code_api::drawn_code::rings::Rings;

use crate::error::CliError;

/// Characters across a code of rings. With fewer the innermost dots touch.
const COLUMNS: u16 = 88;

/// Light modules around a QR code, as its standard wants them.
const QUIET: usize = 4;

/// A code in block characters: two points above each other make one. Marks are light, as on the official drawing, where the
/// terminal's ground is dark.
pub(crate) fn terminal(code: &[u8; CODE_LEN]) -> String {
    let rings = Rings::of(code);
    // Points are sampled in their middle, from -1 to 1.
    let at =
        |n: usize| (f64::from(u16::try_from(n).unwrap_or(u16::MAX)) * 2.0 + 1.0) / f64::from(COLUMNS) - 1.0;
    blocks(COLUMNS.into(), |x, y| rings.covers(at(x), at(y)))
}

/// A QR code of a link.
pub(crate) struct Qr(QRCode);

impl Qr {
    /// # Errors
    /// The link is too long for any QR code.
    pub(crate) fn new(link: &str) -> Result<Self, CliError> {
        QRBuilder::new(link)
            .build()
            .map(Self)
            .map_err(|_| CliError::misuse(format!("--link: {} bytes are too many for a QR code", link.len())))
    }

    /// In block characters, with the light modules lit: as printed where the terminal's ground is dark.
    pub(crate) fn terminal(&self) -> String {
        blocks(self.side(), |x, y| !self.is_dark(x, y))
    }

    /// As vector graphics: dark modules on a light ground.
    pub(crate) fn svg(&self, title: &str) -> String {
        let side = self.side();
        let path: String =
            self.bars().map(|(x, y, length)| format!("M{x} {y}h{length}v1h-{length}z")).collect();
        let title =
            title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"{title}\" \
             shape-rendering=\"crispEdges\"><title>{title}</title>\
             <rect width=\"{side}\" height=\"{side}\" fill=\"#ffffff\"/><path d=\"{path}\" fill=\"#10162f\"/></svg>"
        )
    }

    /// Neighbouring dark modules of one line: where they begin, and how many there are. On a page that is half of what the
    /// modules by themselves would be.
    fn bars(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let all = (0..self.side()).flat_map(|y| (0..self.side()).map(move |x| (x, y)));
        let begins = |&(x, y): &(usize, usize)| self.is_dark(x, y) && !(x > 0 && self.is_dark(x - 1, y));
        all.filter(begins).map(|(x, y)| (x, y, (x..self.side()).take_while(|x| self.is_dark(*x, y)).count()))
    }

    /// Modules across, with the quiet zone.
    fn side(&self) -> usize {
        self.0.size + 2 * QUIET
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = QUIET..self.0.size + QUIET;
        inside.contains(&x) && inside.contains(&y) && self.0[y - QUIET][x - QUIET].value()
    }
}

/// A square of points, two lines of them in each line of characters.
fn blocks(side: usize, is_lit: impl Fn(usize, usize) -> bool) -> String {
    let line = |y: usize| -> String {
        let column = |x| match (is_lit(x, y), y + 1 < side && is_lit(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        (0..side).map(column).collect()
    };
    (0..side).step_by(2).map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use quittance_code_api::drawn_code::rings::point;
    use quittance_code_api::drawn_code::{correct, encode};

    use super::*;

    /// Whether a point of the text is lit.
    fn lit(text: &str) -> impl Fn(usize, usize) -> bool {
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        move |x, y| match lines[y / 2][x] {
            '█' => true,
            '▀' => y % 2 == 0,
            '▄' => y % 2 == 1,
            _ => false,
        }
    }

    #[test]
    fn a_code_in_a_terminal_is_read_back() {
        for seed in 0..10 {
            let payload = core::array::from_fn(|i| u8::try_from(i * 37 % 256).unwrap().wrapping_mul(seed));
            let shown = terminal(&encode(&payload));
            let lit = lit(&shown);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 87")]
            let at = |part: f64| ((part + 1.0) / 2.0 * f64::from(COLUMNS)) as usize;
            let code = Rings::read(|ring, position| {
                let (x, y) = point(ring, position);
                lit(at(x), at(y))
            });
            let read = correct(&code).map(|read| (read.payload, read.corrected));
            assert_eq!(read, Ok((payload, 0)), "{shown}");
        }
    }

    #[test]
    fn a_phone_reads_the_link_off_the_screen_and_off_the_page() {
        let link = "https://shop.example/pay/7?a=b&c=\"<>";
        let qr = Qr::new(link).unwrap();
        let shown = qr.terminal();
        let on_screen = lit(&shown);
        let svg = qr.svg(link);
        let bars: Vec<[usize; 3]> = svg
            .split('M')
            .filter_map(|bar| {
                let (at, rest) = bar.split_once('h')?;
                let ((x, y), (length, _)) = (at.split_once(' ')?, rest.split_once('v')?);
                Some([x.parse().ok()?, y.parse().ok()?, length.parse().ok()?])
            })
            .collect();
        let on_page = |x: usize, y: usize| {
            bars.iter().any(|[from, line, length]| *line == y && (*from..from + length).contains(&x))
        };
        let dark: [&dyn Fn(usize, usize) -> bool; 2] = [&|x, y| !on_screen(x, y), &on_page];
        for dark in dark {
            // Four points to a module: the reader wants to find edges.
            let side = qr.side() * 4;
            let mut photo = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| {
                if dark(x / 4, y / 4) { 0 } else { 255 }
            });
            let read: Vec<String> =
                photo.detect_grids().iter().map(|grid| grid.decode().unwrap().1).collect();
            assert_eq!(read, [link]);
        }
        assert!(!svg.contains("<>"));
    }

    #[test]
    fn a_link_that_no_qr_code_can_hold_is_refused() {
        let refused = Qr::new(&"a".repeat(4000)).err().unwrap();
        assert_eq!(
            (refused.exit_code(), refused.message()),
            (2, "--link: 4000 bytes are too many for a QR code")
        );
    }
}
