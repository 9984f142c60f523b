//! Style sheets and scripts, which are part of the program.
//!
//! Their address has a hash over all of them in it: one that is kept for ever can never be an old one, and modules find each
//! other by relative names.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// Hex digits of the hash in an address.
const HASH_LEN: usize = 16;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = blake3::Hasher::new();
    let mut names: Vec<_> = Files::iter().collect();
    names.sort_unstable();
    for name in names {
        let data = Files::get(&name).map(|file| file.data).unwrap_or_default();
        // Lengths keep two files apart from one.
        for part in [name.as_bytes(), &data] {
            hasher.update(&part.len().to_le_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().to_hex().chars().take(HASH_LEN).collect()
});

/// The address of a file below `static`, as pages name it.
pub(crate) fn url(name: &str) -> String {
    debug_assert!(Files::get(name).is_some(), "there is no asset {name}");
    format!("/assets/{}/{name}", *HASH)
}

/// A file below `static`.
pub(crate) fn bytes(name: &str) -> Option<Cow<'static, [u8]>> {
    Files::get(name).map(|file| file.data)
}

/// A file's bytes with its type, or nothing where there is none.
pub(crate) async fn serve(Path((hash, name)): Path<(String, String)>) -> Response {
    let Some(file) = Files::get(&name).filter(|_| hash == *HASH) else {
        return (StatusCode::NOT_FOUND, "no such asset").into_response();
    };
    let headers = [
        (CONTENT_TYPE, media_type(&name)),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, file.data).into_response()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_has_a_type_or_a_browser_would_not_run_it() {
        for name in Files::iter() {
            assert_ne!(media_type(&name), "application/octet-stream", "{name}");
        }
    }
}
