//! What the node is called by whoever asks.

use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderName, Uri};

/// What a proxy says about how it was asked.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The longest name and port.
const MAX_AUTHORITY_BYTES: usize = 260;

/// `https://pay.example`, from what a browser or the proxy before the node says. Whoever lies about it lies to itself.
pub(crate) fn origin(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let named = headers.get(HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 has it in the address.
    let authority = named.or_else(|| uri.authority().map(axum::http::uri::Authority::as_str))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if authority.is_empty() || authority.len() > MAX_AUTHORITY_BYTES || !authority.bytes().all(plain) {
        return None;
    }
    let is_tls = headers.get(FORWARDED_PROTO).is_some_and(|scheme| scheme == "https");
    Some(format!("{}://{authority}", if is_tls { "https" } else { "http" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_the_page_leads_to_where_it_was_asked_for() {
        let check = |host: &str, scheme: Option<&str>, expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            if let Some(scheme) = scheme {
                headers.insert(FORWARDED_PROTO, scheme.parse().unwrap());
            }
            assert_eq!(origin(&headers, &Uri::default()).as_deref(), expected, "{host}");
        };
        check("pay.example", None, Some("http://pay.example"));
        check("pay.example", Some("https"), Some("https://pay.example"));
        check("127.0.0.1:8080", Some("javascript"), Some("http://127.0.0.1:8080"));
        check("[::1]:8080", None, Some("http://[::1]:8080"));
        check("a\"><script>", None, None);
        check("a/b", None, None);
        check("user@pay.example", None, None);
        check(&"a".repeat(261), None, None);
    }
}
