//! What is drawn, and what a page that draws is opened with.

use quittance_code_api::drawn_code::rings::{DISC_RADIUS, MARK_WIDTH, RADII, Rings, Run, point};
use quittance_code_api::element_options::ElementOptions;
use quittance_code_api::nonce::Nonce;
use serde_json::Value;

use crate::common::{bytes, text};

/// The official drawing has a path for every two neighbouring marks and a dot at the end of every run; ours joins them.
pub(crate) fn drawing(input: &Value, output: &Value) {
    let half = input["width"].as_f64().expect("a width") / 2.0;
    let runs = Rings::of(&bytes(input, "encoded")).runs();
    let count = |of: fn(&Run) -> usize| Some(runs.iter().map(of).sum::<usize>() as u64);
    assert_eq!(count(|run| run.len - usize::from(!run.is_circle())), output["arcs"].as_u64());
    assert_eq!(count(|run| usize::from(!run.is_circle())), output["dots"].as_u64());
    let near = |have: f64, want: f64| assert!((have - want).abs() < 1e-9, "expected {want}, got {have}");
    near(MARK_WIDTH * half, output["dotDimension"].as_f64().expect("a width"));
    near(DISC_RADIUS * half, -numbers(text(output, "center"))[2]);
    let placed = |(x, y): (f64, f64)| (half + x * half, half + y * half);

    let dot = numbers(text(output, "first_dot"));
    let last = runs.first().expect("a run");
    let (x, y) = placed(point(last.ring, last.end()));
    near(x, dot[0]);
    near(y, dot[1]);

    let arc = numbers(text(output, "first_arc"));
    let run = runs.iter().find(|run| run.len > 1).expect("an arc");
    let (x, y) = placed(point(run.ring, run.start));
    let (next_x, next_y) = placed(point(run.ring, run.start + 1));
    let radius = RADII[run.ring] * half;
    for (have, want) in [x, y, radius, radius, 0.0, 0.0, 1.0, next_x, next_y].into_iter().zip(arc) {
        near(have, want);
    }
}

/// The numbers of a path, in order.
fn numbers(path: &str) -> Vec<f64> {
    let parts = path.split(|c: char| c.is_ascii_alphabetic() || c == ',' || c == ' ');
    parts.filter(|part| !part.is_empty()).map(|part| part.parse().expect("a number")).collect()
}

pub(crate) fn element_options(input: &Value, output: &Value) {
    let want = text(output, "encoded");
    let options: ElementOptions = match input {
        Value::Null => ElementOptions::default(),
        given => serde_json::from_value(given.clone()).expect("options"),
    };
    assert_eq!(options.encode().as_deref(), Ok(want));
    let read = ElementOptions::decode(want);
    assert_eq!(read.as_ref().map(|options| serde_json::json!(options)), Ok(output["decoded"].clone()));
    let drawable = input["clientSecret"].as_str().is_some_and(|text| Nonce::from_client_secret(text).is_ok());
    assert_eq!(options.scan_code().is_ok(), drawable);
}
