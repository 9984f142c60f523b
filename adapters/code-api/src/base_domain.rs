//! The site behind a domain, as the server sees it (protocol e.5).
//!
//! A site is the last two labels of a name, whatever the suffix: `shop.example.com` is `example.com`, and so are all shops under
//! `co.uk` one site. That is the protocol's rule, and every party to it works it out for itself.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use quittance_core::site::{Domain, MAX_DOMAIN_BYTES};
use thiserror::Error;

/// A site, and whether it was named by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseDomain {
    /// The last two labels.
    pub domain: Domain,
    /// More labels stood in front. Such a name can be shown but, with one exception, not proved.
    pub is_subdomain: bool,
}

/// The one name with more labels that the protocol lets the keys of its base domain speak for (protocol e.5).
const SPEAKS_FOR_ITS_BASE: &str = "app.getcode.com";

/// Why a text names no site.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BaseDomainError {
    /// Empty, or longer than a name can be.
    #[error("value must have 1 to {MAX_DOMAIN_BYTES} characters, got {0}")]
    Length(usize),
    /// One label.
    #[error("value must have base domain and tld")]
    Labels,
    /// A label that nobody can register: with characters that no host name has, or with `xn--` in front of what is no name in
    /// another script.
    #[error("value must be a registrable domain name, in its xn-- form")]
    Name,
    /// Digits alone behind the last dot, as in an address.
    #[error("value must be a domain name, not an IP address")]
    Address,
}

/// Reduces a name to its site. Capital letters count as small ones, as they do everywhere in the DNS: an SDK lets them through.
///
/// # Errors
///
/// When it is not a name that could be registered, in the form in which it travels: by the rules of IDNA (RFC 5891, 4), which
/// unlike those for looking a name up (RFC 5891, 5) change nothing else.
pub fn base_domain(value: &str) -> Result<BaseDomain, BaseDomainError> {
    if value.is_empty() || value.len() > MAX_DOMAIN_BYTES {
        return Err(BaseDomainError::Length(value.chars().count()));
    }
    let value = value.to_ascii_lowercase();
    let labels = value.split('.').count();
    let mut last = value.rsplitn(3, '.');
    let (Some(top), Some(name)) = (last.next(), last.next()) else { return Err(BaseDomainError::Labels) };
    // What a look-up would write otherwise is not the form to register. This reads every `xn--` label, too.
    let written =
        Uts46::new().to_ascii(value.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify);
    if written.is_err() || written.is_ok_and(|written| written != value) {
        return Err(BaseDomainError::Name);
    }
    if top.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BaseDomainError::Address);
    }
    let domain = format!("{name}.{top}").parse().map_err(|_| BaseDomainError::Name)?;
    Ok(BaseDomain { domain, is_subdomain: labels > 2 && value != SPEAKS_FOR_ITS_BASE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_payer_is_shown_the_site_that_asks_and_no_look_alike() {
        let check = |value: &str, want: Result<(&str, bool), BaseDomainError>| {
            let have = base_domain(value).map(|base| (base.domain.to_string(), base.is_subdomain));
            assert_eq!(have, want.map(|(domain, sub)| (domain.to_owned(), sub)), "{value}");
        };
        check("example.com", Ok(("example.com", false)));
        check("shop.example.com", Ok(("example.com", true)));
        check("a.b.c.example.com", Ok(("example.com", true)));
        check("shop.co.uk", Ok(("co.uk", true)));
        check("xn--bcher-kva.example", Ok(("xn--bcher-kva.example", false)));
        check("Shop.EXAMPLE.Com", Ok(("example.com", true)));
        check("XN--BCHER-KVA.example", Ok(("xn--bcher-kva.example", false)));
        check("app.getcode.com", Ok(("getcode.com", false)));
        check("1password.com", Ok(("1password.com", false)));
        let long = format!("{}.com", "a.".repeat(126));
        check(&long, Err(BaseDomainError::Length(long.len())));
        check("", Err(BaseDomainError::Length(0)));
        check("localhost", Err(BaseDomainError::Labels));
        check("127.0.0.1", Err(BaseDomainError::Address));
        for name in [
            "bücher.example",   // has to come in its xn-- form
            "xn--a.example",    // not Punycode
            "xn--example-.com", // plain letters behind xn--
            "Bücher.example",
            "ex_ample.com",
            "-example.com",
            "example-.com",
            "ab--cd.com", // reserved for other encodings (RFC 5891, 4.2.3.1)
            "example..com",
            ".example.com",
            "example.com.",
            "exam ple.com",
            "example.com:443",
            "example.com/",
            "ex\u{200b}ample.com",
        ] {
            check(name, Err(BaseDomainError::Name));
        }
        check(&format!("{}.com", "a".repeat(64)), Err(BaseDomainError::Name));
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer_and_a_site_is_its_own_site(value in "[a-zA-Z0-9.\\-äxn]{0,40}|\\PC{0,20}") {
            if let Ok(base) = base_domain(&value) {
                prop_assert!(value.to_ascii_lowercase().ends_with(base.domain.as_str()));
                let again = base_domain(base.domain.as_str());
                prop_assert_eq!(again, Ok(BaseDomain { domain: base.domain, is_subdomain: false }));
            }
        }
    }
}
