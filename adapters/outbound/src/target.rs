use std::net::IpAddr;

use url::{Host, Url};

use crate::error::UrlError;

/// The longest URL: what the schema of the official protocol lets through (protocol d.9).
pub const MAX_URL_BYTES: usize = 1024;
/// RFC 1035, 2.3.4, written with dots.
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// Which URLs are called at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) dev: bool,
    pub(crate) any_port: bool,
}

/// Whom a URL names, and what is asked of it. Nothing is resolved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) tls: bool,
    /// A DNS name in lower case, or in dev a loopback address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What goes on the request line.
    pub(crate) path_and_query: String,
    /// What goes into the Host header.
    pub(crate) authority: String,
}

impl Target {
    /// Reads a URL twice: here, strictly, and by the WHATWG's rules, which know every spelling of an address. Both have to see
    /// the same host, so that no third reader can be led to another.
    pub(crate) fn parse(text: &str, rules: Rules) -> Result<Self, UrlError> {
        if text.len() > MAX_URL_BYTES {
            return Err(UrlError::TooLong(text.len()));
        }
        if let Some(odd) = text.chars().find(|char| !char.is_ascii_graphic() || *char == '\\') {
            let why = format!("expected printable ASCII without spaces and backslashes, got {odd:?}");
            return Err(UrlError::Invalid(why));
        }
        // Without a scheme the reference takes it for HTTP (protocol e.8).
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let tls = if scheme.eq_ignore_ascii_case("https") {
            true
        } else if scheme.eq_ignore_ascii_case("http") {
            false
        } else {
            return Err(UrlError::Scheme);
        };
        if !tls && !rules.dev {
            return Err(UrlError::Http);
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.is_empty() {
            return Err(UrlError::HostMissing);
        }
        if authority.contains('@') {
            return Err(UrlError::Invalid("expected no user name or password before the host".to_owned()));
        }
        let scheme = if tls { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{rest}"))
            .map_err(|error| UrlError::Host(format!("{authority}: {error}")))?;
        let host = match url.host().ok_or(UrlError::HostMissing)? {
            Host::Domain(name) => {
                domain(name, authority, rules)?;
                name.to_owned()
            }
            Host::Ipv4(address) => literal(address.into(), rules)?,
            Host::Ipv6(address) => literal(address.into(), rules)?,
        };
        let default_port = if tls { 443 } else { 80 };
        let port = url.port().unwrap_or(default_port);
        if port != default_port && !rules.any_port && !rules.dev {
            let why = format!("{authority}: expected no port but {default_port}, got {port}");
            return Err(UrlError::Host(why));
        }
        let path_and_query = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let named = url.host_str().unwrap_or_default();
        let authority = if port == default_port { named.to_owned() } else { format!("{named}:{port}") };
        Ok(Self { tls, host, port, path_and_query, authority })
    }

    /// The URL that a `location` header leads to from here.
    pub(crate) fn join(&self, location: &str) -> Option<String> {
        let scheme = if self.tls { "https" } else { "http" };
        let here = Url::parse(&format!("{scheme}://{}{}", self.authority, self.path_and_query)).ok()?;
        here.join(location).ok().map(String::from)
    }
}

/// The site that a host belongs to: the last two labels, whatever the suffix (protocol e.5). An address is its own.
pub(crate) fn site(host: &str) -> &str {
    if host.parse::<IpAddr>().is_ok() {
        return host;
    }
    let behind = host.rmatch_indices('.').nth(1).map_or(0, |(dot, _)| dot + 1);
    host.get(behind..).unwrap_or(host)
}

/// An address in place of a name, in whatever spelling.
fn literal(address: IpAddr, rules: Rules) -> Result<String, UrlError> {
    if rules.dev && address.is_loopback() {
        return Ok(address.to_string());
    }
    Err(UrlError::Host(format!("expected a name, got the address {address}")))
}

/// Checks what the WHATWG's rules have made of a name: the name in lower case, if it was one.
fn domain(name: &str, authority: &str, rules: Rules) -> Result<(), UrlError> {
    let invalid = |why: &str| Err(UrlError::Host(format!("{name}: {why}")));
    let written = authority.split(':').next().unwrap_or_default();
    if !name.eq_ignore_ascii_case(written) {
        return invalid("expected the name itself, without escapes");
    }
    if name.len() > MAX_NAME_BYTES {
        return invalid("expected at most 253 bytes");
    }
    let mut labels = 0_usize;
    for label in name.split('.') {
        labels += 1;
        let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if label.is_empty()
            || label.len() > MAX_LABEL_BYTES
            || !letters
            || label.starts_with('-')
            || label.ends_with('-')
        {
            return invalid("expected labels of 1 to 63 letters, digits and inner hyphens between dots");
        }
    }
    // One label is looked up in whatever domains the machine searches.
    if labels < 2 && !(rules.dev && name == "localhost") {
        return invalid("expected at least two labels");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Rules = Rules { dev: false, any_port: false };
    const DEV: Rules = Rules { dev: true, any_port: false };

    #[test]
    fn a_merchant_hears_in_the_protocols_words_why_a_url_is_not_called() {
        let check = |text: &str, said: &str| {
            let refused = Target::parse(text, STRICT).map_err(|error| error.to_string());
            assert!(refused.as_ref().is_err_and(|error| error.starts_with(said)), "{text}: {refused:?}");
        };
        check("http://example.com/hook", "url scheme must be https");
        check("example.com/hook", "url scheme must be https");
        check("", "url scheme must be https");
        check("ftp://example.com", "url scheme must be http or https");
        check("file:///etc/passwd", "url scheme must be http or https");
        check("https://", "host component missing");
        check("https:///example.com", "host component missing");
        check("https://?a", "host component missing");
        check("https://example.com\\@127.0.0.1", "url is not valid: expected printable ASCII");
        check("https://exa\tmple.com", "url is not valid: expected printable ASCII");
        check("https://１２７.0.0.1", "url is not valid: expected printable ASCII");
        check("https://user@example.com", "url is not valid: expected no user name");
        check("https://:@example.com", "url is not valid: expected no user name");
        check("https://example", "host is not a valid domain name: example: expected at least two labels");
        check("https://localhost", "host is not a valid domain name: localhost: expected at least two");
        check("https://example.com.", "host is not a valid domain name: example.com.: expected labels");
        check("https://ex_ample.com", "host is not a valid domain name: ex_ample.com: expected labels");
        check("https://-example.com", "host is not a valid domain name: -example.com: expected labels");
        check("https://exa%6dple.com", "host is not a valid domain name: example.com: expected the name");
        check(
            "https://example.com:8443",
            "host is not a valid domain name: example.com:8443: expected no port",
        );
        check("https://example.com:80", "host is not a valid domain name: example.com:80: expected no port");
        check("https://example.com:99999", "host is not a valid domain name: example.com:99999: ");
        check(&format!("https://{}.com", "a".repeat(64)), "host is not a valid domain name: ");
        check(
            &format!("https://example.com/{}", "a".repeat(1024)),
            "url must be at most 1024 bytes, got 1044",
        );
    }

    #[test]
    fn no_spelling_of_an_address_passes_for_a_name() {
        let spellings = [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "0x7f.0x0.0x0.0x1",
            "%31%32%37.0.0.1",
            "127%2e0.0.1",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[fe80::1%25eth0]",
            "1.1.1.1",
            "[2606:4700::1111]",
            "0",
            "0.0.0.0",
            "4294967296",
            "256.256.256.256",
            "1.2.3.4.5",
            "0x",
            "1.0x",
            "08.8.8.8",
        ];
        for host in spellings {
            for port in ["", ":443"] {
                let refused = Target::parse(&format!("https://{host}{port}/"), STRICT);
                assert!(matches!(refused, Err(UrlError::Host(_))), "{host}{port}: {refused:?}");
            }
        }
    }

    #[test]
    fn all_names_of_a_domain_are_one_site() {
        for (host, want) in [
            ("example.com", "example.com"),
            ("a.example.com", "example.com"),
            ("a.b.c.example.com", "example.com"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("", ""),
        ] {
            assert_eq!(site(host), want, "{host}");
        }
    }

    #[test]
    fn what_is_called_is_what_was_written() {
        let target = |text: &str, rules| {
            Target::parse(text, rules).map(|it| (it.tls, it.authority, it.path_and_query))
        };
        let is = |tls, authority: &str, path: &str| Ok((tls, authority.to_owned(), path.to_owned()));
        assert_eq!(target("https://example.com", STRICT), is(true, "example.com", "/"));
        assert_eq!(
            target("HTTPS://Shop.Example.COM:443/a?b=c#d", STRICT),
            is(true, "shop.example.com", "/a?b=c")
        );
        assert_eq!(
            target("https://xn--bcher-kva.example/%20", STRICT),
            is(true, "xn--bcher-kva.example", "/%20")
        );
        assert_eq!(
            target("https://example.com:8443", Rules { any_port: true, ..STRICT }),
            is(true, "example.com:8443", "/")
        );
        assert_eq!(target("http://localhost:80/", DEV), is(false, "localhost", "/"));
        assert_eq!(target("http://127.1:4000/x", DEV), is(false, "127.0.0.1:4000", "/x"));
        assert_eq!(target("http://[::1]:4000/x", DEV), is(false, "[::1]:4000", "/x"));
        assert!(matches!(target("http://10.0.0.1/", DEV), Err(UrlError::Host(_))));
        assert!(matches!(target("http://[::ffff:127.0.0.1]/", DEV), Err(UrlError::Host(_))));
    }
}
