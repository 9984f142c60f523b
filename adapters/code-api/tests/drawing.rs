//! A drawing is read back from its own text, path by path, as a phone would from a page. If this fails, customers hold their
//! phones in front of a picture that pays nothing.

use core::f64::consts::TAU;

use proptest::prelude::*;
use quittance_code_api::drawn_code::rings::{MARK_WIDTH, Rings, point};
use quittance_code_api::drawn_code::{CODE_LEN, correct, encode, svg};

/// Into how many pieces an arc is cut; those of the largest are still shorter than a mark is thick.
const STEPS: u32 = 600;

/// The middle line of each mark, in steps that are small against its width.
fn lines(svg: &str) -> Vec<(f64, f64)> {
    let path = svg.rsplit("<path d=\"").next().and_then(|rest| rest.split('"').next()).expect("a path");
    let spaced: String = path
        .chars()
        .flat_map(|c| if c.is_ascii_alphabetic() { vec![' ', c, ' '] } else { vec![c] })
        .collect();
    let mut words = spaced.split_whitespace();
    let mut points: Vec<(f64, f64)> = Vec::new();
    while let Some(command) = words.next() {
        let mut number = || words.next().expect("a number").parse::<f64>().expect("a number");
        match command {
            "M" => points.push((number(), number())),
            "h" => assert_eq!(number(), 0.0, "a dot has no length"),
            "A" => {
                let (rx, ry, tilt) = (number(), number(), number());
                let (large, sweep) = (number(), number());
                assert_eq!((rx, tilt, sweep), (ry, 0.0, 1.0), "a clockwise part of a circle");
                let from = *points.last().expect("a start");
                points.extend(arc(from, (number(), number()), rx, large == 1.0));
            }
            other => panic!("{other} is no command of a drawing"),
        }
    }
    points
}

/// Points on a clockwise arc around the middle of the drawing. The sign of the large-arc flag has to agree.
fn arc(from: (f64, f64), to: (f64, f64), radius: f64, large: bool) -> Vec<(f64, f64)> {
    let angle = |(x, y): (f64, f64)| (y - 500.0).atan2(x - 500.0);
    assert!(((from.0 - 500.0).hypot(from.1 - 500.0) - radius).abs() < 0.02, "not around the middle");
    let turn = (angle(to) - angle(from)).rem_euclid(TAU);
    assert!((turn - TAU / 2.0).abs() < 1e-3 || (turn > TAU / 2.0) == large, "the other way round");
    let at = |step: u32| angle(from) + turn * f64::from(step) / f64::from(STEPS);
    (0..=STEPS).map(|step| (500.0 + radius * at(step).cos(), 500.0 + radius * at(step).sin())).collect()
}

fn read(svg: &str) -> [u8; CODE_LEN] {
    let lines = lines(svg);
    Rings::read(|ring, position| {
        let (x, y) = point(ring, position);
        let (x, y) = (500.0 + 500.0 * x, 500.0 + 500.0 * y);
        lines.iter().any(|(px, py)| (x - px).hypot(y - py) < MARK_WIDTH * 500.0 / 2.0)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_phone_reads_from_the_page_what_the_merchant_asked_for(payload in any::<[u8; 20]>()) {
        let drawn = svg::draw(&encode(&payload), "Pay");
        let read = correct(&read(&drawn));
        prop_assert_eq!(read.map(|read| (read.payload, read.corrected)), Ok((payload, 0)));
    }
}

#[test]
fn rings_without_a_gap_and_rings_without_a_mark_are_read_as_well() {
    for code in [[0xff; CODE_LEN], [0; CODE_LEN]] {
        assert_eq!(read(&svg::draw(&code, "")), code);
    }
}

#[test]
fn a_title_cannot_end_the_picture() {
    let drawn = svg::draw(&encode(&[0; 20]), "</title><script>\"'&\u{7}");
    assert!(
        !drawn.contains("<script>") && drawn.contains("&lt;/title&gt;&lt;script&gt;&quot;'&amp;\u{fffd}")
    );
    assert_eq!(drawn.matches("<title>").count(), 1);
}
