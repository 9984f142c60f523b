//! The recorded cases of the official SDKs.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Input and output of a recorded case.
///
/// # Panics
/// There is none of that name.
#[must_use]
pub fn recorded(id: &str) -> (Value, Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/protocol/vectors.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let vectors: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases = vectors["cases"].as_array().expect("a list of cases");
    let case = cases.iter().find(|case| case["id"] == id).unwrap_or_else(|| panic!("no recorded case {id}"));
    (case["input"].clone(), case["output"].clone())
}
