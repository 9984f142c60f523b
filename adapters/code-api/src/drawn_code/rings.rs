//! Where each bit of a code lies on its drawing (protocol a.6).
//!
//! Six rings around a disc, with 32, 40, 48, 56, 64 and 72 positions. Position 0 of a ring is at the top, the others follow
//! clockwise. Bits fill the rings from the innermost, least significant bit of each byte first. A 1 is a dot; neighbouring
//! ones merge into an arc. Lengths here are parts of the drawing's half width: the edge is at 1.

use core::f64::consts::TAU;

use super::{CODE_LEN, DRAWN_LEN, drawn_bytes};

/// Rings on a drawing.
pub const RINGS: usize = 6;

/// The radius of the disc in the middle.
pub const DISC_RADIUS: f64 = 0.32;

/// How thick a dot or an arc is.
pub const MARK_WIDTH: f64 = 0.065_625;

/// The radius on which a ring's marks are centred. The first ring is drawn nearer to the disc than the others are to each
/// other.
///
/// The figures are those of the official drawing, measured off what its package draws: phones look for them.
pub const RADII: [f64; RINGS] = [0.436_75, 0.556_25, 0.643_75, 0.731_25, 0.818_75, 0.906_25];

const BITS: usize = DRAWN_LEN * 8;

/// A drawing, as which positions are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rings {
    bits: [bool; BITS],
}

/// Neighbouring marked positions of one ring: a dot when `len` is 1, an arc otherwise, a whole circle when `len` is the ring's
/// number of positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// 0 to 5, from the inside.
    pub ring: usize,
    /// The first marked position, clockwise.
    pub start: usize,
    /// How many positions are marked. An arc may pass the top.
    pub len: usize,
}

/// How many positions a ring has.
pub const fn positions(ring: usize) -> usize {
    32 + 8 * ring
}

/// The point of a position, from the middle: x to the right, y down.
#[expect(clippy::cast_precision_loss, reason = "positions are below 72")]
pub fn point(ring: usize, position: usize) -> (f64, f64) {
    let turn = TAU * position as f64 / positions(ring) as f64;
    (RADII[ring] * turn.sin(), -RADII[ring] * turn.cos())
}

impl Rings {
    /// What is drawn for a code.
    pub fn of(code: &[u8; CODE_LEN]) -> Self {
        let drawn = drawn_bytes(code);
        Self { bits: core::array::from_fn(|bit| drawn[bit / 8] >> (bit % 8) & 1 == 1) }
    }

    /// What was drawn, from which positions are marked. The other way round of [`of`](Self::of): the start mark in front is
    /// left to whoever found out which way up the drawing is.
    pub fn read(marked: impl Fn(usize, usize) -> bool) -> [u8; CODE_LEN] {
        let places = (0..RINGS).flat_map(|ring| (0..positions(ring)).map(move |position| (ring, position)));
        let mut drawn = [0; DRAWN_LEN];
        for (bit, (ring, position)) in places.enumerate() {
            drawn[bit / 8] |= u8::from(marked(ring, position)) << (bit % 8);
        }
        let mut code = [0; CODE_LEN];
        code.copy_from_slice(&drawn[DRAWN_LEN - CODE_LEN..]);
        code
    }

    /// Whether a position is marked.
    pub fn is_marked(&self, ring: usize, position: usize) -> bool {
        let first: usize = (0..ring).map(positions).sum();
        self.bits[first + position % positions(ring)]
    }

    /// The dots and arcs, ring by ring.
    pub fn runs(&self) -> Vec<Run> {
        (0..RINGS).flat_map(|ring| self.runs_of(ring)).collect()
    }

    /// Whether a point lies on a mark or on the disc; the drawing for whoever has no paths, only points.
    pub fn covers(&self, x: f64, y: f64) -> bool {
        let radius = x.hypot(y);
        let on = |ring: &usize| (radius - RADII[*ring]).abs() <= MARK_WIDTH / 2.0;
        let mut rings = (0..RINGS).filter(on);
        radius <= DISC_RADIUS
            || rings.any(|ring| self.runs_of(ring).iter().any(|run| run.distance(x, y) <= MARK_WIDTH / 2.0))
    }

    fn runs_of(&self, ring: usize) -> Vec<Run> {
        let all = positions(ring);
        let begins = |at: &usize| self.is_marked(ring, *at) && !self.is_marked(ring, at + all - 1);
        let runs: Vec<Run> = (0..all)
            .filter(begins)
            .map(|start| {
                let len = (0..all).take_while(|step| self.is_marked(ring, start + step)).count();
                Run { ring, start, len }
            })
            .collect();
        if runs.is_empty() && self.is_marked(ring, 0) { vec![Run { ring, start: 0, len: all }] } else { runs }
    }
}

impl Run {
    /// Whether it goes all the way round.
    pub fn is_circle(&self) -> bool {
        self.len == positions(self.ring)
    }

    /// The last marked position.
    pub fn end(&self) -> usize {
        (self.start + self.len - 1) % positions(self.ring)
    }

    /// How far a point is from the run's middle line.
    #[expect(clippy::cast_precision_loss, reason = "positions are below 72")]
    fn distance(&self, x: f64, y: f64) -> f64 {
        let all = positions(self.ring) as f64;
        let at = x.atan2(-y).rem_euclid(TAU) / TAU * all;
        let past = (at - self.start as f64).rem_euclid(all);
        if self.is_circle() || past <= (self.len - 1) as f64 {
            return (x.hypot(y) - RADII[self.ring]).abs();
        }
        let from = |(px, py): (f64, f64)| (x - px).hypot(y - py);
        from(point(self.ring, self.start)).min(from(point(self.ring, self.end())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::drawn_code::{correct, encode};
    use crate::scan_code::PAYLOAD_LEN;

    proptest! {
        #[test]
        fn what_is_drawn_is_what_is_read(payload in any::<[u8; PAYLOAD_LEN]>()) {
            let rings = Rings::of(&encode(&payload));
            let code = Rings::read(|ring, position| {
                let (x, y) = point(ring, position);
                rings.covers(x, y)
            });
            prop_assert_eq!(correct(&code).map(|read| (read.payload, read.corrected)), Ok((payload, 0)));
        }

        #[test]
        fn every_marked_position_is_in_exactly_one_run(bytes in any::<[u8; CODE_LEN]>()) {
            let rings = Rings::of(&bytes);
            let mut marked: Vec<_> = rings
                .runs()
                .iter()
                .flat_map(|run| (0..run.len).map(|step| (run.ring, (run.start + step) % positions(run.ring))))
                .collect();
            marked.sort_unstable();
            let all = (0..RINGS).flat_map(|ring| (0..positions(ring)).map(move |at| (ring, at)));
            let want: Vec<_> = all.filter(|(ring, at)| rings.is_marked(*ring, *at)).collect();
            prop_assert_eq!(marked, want);
        }
    }

    #[test]
    fn a_full_ring_is_one_circle_and_an_arc_may_pass_the_top() {
        let full = Rings { bits: [true; BITS] };
        assert!(full.runs().iter().all(Run::is_circle));
        assert_eq!(full.runs().len(), RINGS);
        assert_eq!(Rings { bits: [false; BITS] }.runs(), []);
        let mut bits = [false; BITS];
        (bits[31], bits[0]) = (true, true);
        assert_eq!(Rings { bits }.runs(), [Run { ring: 0, start: 31, len: 2 }]);
        assert_eq!(Rings { bits }.runs()[0].end(), 0);
    }
}
