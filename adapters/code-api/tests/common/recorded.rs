//! How the recorded cases are read.

use serde_json::Value;

/// One of the recorded files.
pub(crate) fn recorded(file: &str) -> Value {
    let path = format!("{}/../../tests/data/protocol/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("expected a text under {key} in {case}"))
}

pub(crate) fn hex(case: &Value, key: &str) -> Vec<u8> {
    data_encoding::HEXLOWER
        .decode(text(case, key).as_bytes())
        .unwrap_or_else(|error| panic!("{key}: {error}"))
}
