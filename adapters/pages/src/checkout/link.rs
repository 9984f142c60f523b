//! What a link to a checkout says.

use quittance_core::ids::IntentId;
use quittance_core::site::Domain;
use serde::Deserialize;
use thiserror::Error;
use url::{Host, Url, form_urlencoded};

/// The longest address that a payer is sent on to.
const MAX_URL_BYTES: usize = 2_048;
/// The longest client secret: 11 bytes in base58 are at most 16 characters.
const MAX_CODE_BYTES: usize = 32;
/// Stands for the intent's id in an address (protocol g.3).
const INTENT_ID: &str = "{{INTENT_ID}}";

/// What may follow the `?`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Query {
    pub(crate) code: Option<String>,
    pub(crate) lang: Option<String>,
    success_url: Option<String>,
    cancel_url: Option<String>,
}

/// Where a payer goes on to afterwards.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ways {
    pub(crate) success: Option<Url>,
    pub(crate) cancel: Option<Url>,
}

/// Which addresses will do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    /// For trying things out: this machine and this node may be called by `http`.
    pub(crate) dev: bool,
    /// What this node is called.
    pub(crate) origin: Option<&'a str>,
}

/// Why a link is not right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: expected {expected}, got {got}")]
pub(crate) struct BadLink {
    pub(crate) field: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) got: String,
}

impl Query {
    /// Where the payer is to go, after checking that it is somewhere a payer can be sent.
    pub(crate) fn ways(&self, id: IntentId, rules: Rules) -> Result<Ways, BadLink> {
        let way = |field, text: &Option<String>| {
            text.as_deref().map(|text| way(field, text, id, rules)).transpose()
        };
        Ok(Ways {
            success: way("success_url", &self.success_url)?,
            cancel: way("cancel_url", &self.cancel_url)?,
        })
    }

    /// The client secret, if one came that can be one.
    pub(crate) fn client_secret(&self) -> Option<&str> {
        self.code.as_deref().filter(|code| code.len() <= MAX_CODE_BYTES)
    }

    /// The same link in another language, from the page itself.
    pub(crate) fn in_language(&self, tag: &str) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
        let kept =
            [("code", &self.code), ("success_url", &self.success_url), ("cancel_url", &self.cancel_url)];
        query.extend_pairs(kept.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        query.append_pair("lang", tag);
        query.finish()
    }

    /// The link for another device of the same payer: with the code, in whatever language that device prefers.
    pub(crate) fn address(&self, origin: &str, id: IntentId) -> String {
        let mut address = format!("{origin}/checkout/{id}");
        let (success, cancel) = (self.success_url.as_deref(), self.cancel_url.as_deref());
        let kept = [("code", self.client_secret()), ("success_url", success), ("cancel_url", cancel)];
        let kept: Vec<_> = kept.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        if !kept.is_empty() {
            address.push('?');
            address = form_urlencoded::Serializer::for_suffix(address.clone(), address.len())
                .extend_pairs(kept)
                .finish();
        }
        address
    }
}

/// `https` to a host by name or address, without a password in it; while trying things out also `http` to a server on this
/// machine, or to this node.
fn way(field: &'static str, text: &str, id: IntentId, rules: Rules<'_>) -> Result<Url, BadLink> {
    let expected = if rules.dev {
        "an address with https, or with http on this machine, of at most 2048 bytes and without a password"
    } else {
        "an address with https, of at most 2048 bytes and without a password"
    };
    let wrong = || BadLink { field, expected, got: text.chars().take(64).collect() };
    if text.len() > MAX_URL_BYTES {
        return Err(wrong());
    }
    let url = Url::parse(&text.replace(INTENT_ID, &id.to_string())).map_err(|_| wrong())?;
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let allowed = match url.scheme() {
        "https" => url.has_host(),
        "http" => rules.dev && (is_here || rules.origin == Some(&*url.origin().ascii_serialization())),
        _ => false,
    };
    if allowed && url.username().is_empty() && url.password().is_none() { Ok(url) } else { Err(wrong()) }
}

/// Whether a payer may be sent there without being asked. Nobody has signed a link's ways: whoever knows an intent's id can write
/// one that leads anywhere. So it is the domain that the intent's site has proved, and while trying things out this node.
pub(super) fn is_known(url: &Url, proved: Option<&Domain>, rules: Rules<'_>) -> bool {
    let is_of_site = |domain: &Domain| {
        let Some(Host::Domain(host)) = url.host() else { return false };
        let below = host.strip_suffix(domain.as_str());
        url.scheme() == "https" && below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    };
    let is_own = rules.dev && rules.origin == Some(&*url.origin().ascii_serialization());
    is_own || proved.is_some_and(is_of_site)
}

/// The host as a payer can tell it from another, with the port if it has one of its own.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payer_is_sent_nowhere_but_to_a_web_page() {
        let id = IntentId([7; 32]);
        let check = |text: &str, dev: bool, expected: Option<&str>| {
            let rules = Rules { dev, origin: Some("http://192.0.2.1:8080") };
            let went = way("success_url", text, id, rules);
            assert_eq!(went.as_ref().ok().map(Url::as_str), expected, "{text}");
        };
        check("https://shop.example/done", false, Some("https://shop.example/done"));
        check(
            "https://shop.example/{{INTENT_ID}}?a=b",
            true,
            Some(&format!("https://shop.example/{id}?a=b")),
        );
        check("http://127.0.0.1:3000/", true, Some("http://127.0.0.1:3000/"));
        check("http://[::1]/", true, Some("http://[::1]/"));
        check("http://localhost/", true, Some("http://localhost/"));
        check("http://192.0.2.1:8080/shop", true, Some("http://192.0.2.1:8080/shop"));
        check("http://192.0.2.1:8080/shop", false, None);
        check("http://192.0.2.1:80/shop", true, None);
        check("http://127.0.0.1:3000/", false, None);
        check("http://shop.example/", true, None);
        check("http://127.0.0.1.evil.example/", true, None);
        check("javascript:alert(1)", true, None);
        check("data:text/html,<script>", true, None);
        check("//shop.example/", true, None);
        check("/done", true, None);
        check("https://shop.example@evil.example/", false, None);
        check("https://a:b@evil.example/", false, None);
        check("", false, None);
        check(&format!("https://shop.example/{}", "a".repeat(2048)), false, None);
    }

    #[test]
    fn nobody_is_sent_on_unasked_but_to_the_site_that_was_proved() {
        let check = |url: &str, proved: Option<&str>, dev: bool, expected: bool| {
            let proved: Option<Domain> = proved.map(|domain| domain.parse().unwrap());
            let rules = Rules { dev, origin: Some("http://192.0.2.1:8080") };
            let url = Url::parse(url).unwrap();
            assert_eq!(is_known(&url, proved.as_ref(), rules), expected, "{url} {proved:?} {dev}");
        };
        let site = Some("shop.example");
        check("https://shop.example/done", site, false, true);
        check("https://www.SHOP.example:8443/done", site, false, true);
        check("https://shop.example/done", None, false, false);
        check("https://evil.example/", site, false, false);
        check("https://evilshop.example/", site, false, false);
        check("https://shop.example.evil.example/", site, false, false);
        check("http://shop.example/", site, true, false);
        check("http://192.0.2.1:8080/shop", None, true, true);
        check("http://192.0.2.1:8080/shop", None, false, false);
        check("http://192.0.2.1:9090/shop", site, true, false);
        check("http://127.0.0.1:3000/", None, true, false);
    }

    #[test]
    fn a_link_keeps_what_it_carried() {
        let query = Query {
            code: Some("FsYSp6vzXqowdz1".into()),
            lang: Some("de".into()),
            success_url: Some("https://a.example/?x=1&y=2".into()),
            cancel_url: None,
        };
        assert_eq!(
            query.in_language("ar"),
            "?code=FsYSp6vzXqowdz1&success_url=https%3A%2F%2Fa.example%2F%3Fx%3D1%26y%3D2&lang=ar"
        );
        let id = IntentId([7; 32]);
        assert_eq!(
            query.address("http://n", id),
            format!(
                "http://n/checkout/{id}?code=FsYSp6vzXqowdz1&success_url=https%3A%2F%2Fa.example%2F%3Fx%3D1%26y%3D2"
            )
        );
        assert_eq!(Query::default().address("http://n", id), format!("http://n/checkout/{id}"));
    }
}
