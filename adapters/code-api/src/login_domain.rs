//! The domain a merchant may log users in to, as its SDK checks it (protocol e.5).

use core::net::IpAddr;

use thiserror::Error;

/// Why an SDK refuses a domain. The first three texts are the JavaScript SDK's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LoginDomainError {
    /// A URL, or something with a path.
    #[error("login expected domain name but received a path")]
    Path,
    /// The machine itself.
    #[error("login localhost is not supported")]
    Localhost,
    /// An address.
    #[error("login IP addresses are not supported")]
    IpAddress,
    /// A host with a port.
    #[error("login expected domain name without a port")]
    Port,
    /// `shop.example.com`, or no dot at all.
    #[error("login expected a domain name of two labels, such as example.com, got {0}")]
    Labels(usize),
    /// Empty labels or characters a host name does not have.
    #[error("login expected an ASCII host name of at most 253 characters")]
    HostName,
}

/// Checks a domain before it is signed. Capital letters pass, and are signed as they are.
///
/// # Errors
///
/// When it is anything but a plain domain of two labels.
pub fn check(domain: &str) -> Result<(), LoginDomainError> {
    if domain.contains('/') {
        return Err(LoginDomainError::Path);
    }
    if domain.parse::<IpAddr>().is_ok() {
        return Err(LoginDomainError::IpAddress);
    }
    let host = match domain.split_once(':') {
        Some((host, _)) if host.parse::<IpAddr>().is_ok() => return Err(LoginDomainError::IpAddress),
        Some(_) => return Err(LoginDomainError::Port),
        None => domain,
    };
    if host.eq_ignore_ascii_case("localhost") {
        return Err(LoginDomainError::Localhost);
    }
    if !is_host_name(host) {
        return Err(LoginDomainError::HostName);
    }
    match host.split('.').count() {
        2 => Ok(()),
        labels => Err(LoginDomainError::Labels(labels)),
    }
}

/// Whether a text is a host name of RFC 1123: at most 253 characters, labels of 1 to 63 letters, digits and inner hyphens.
pub fn is_host_name(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_domain_is_signed() {
        let check =
            |domain: &str, want: Result<(), LoginDomainError>| assert_eq!(check(domain), want, "{domain}");
        check("example.com", Ok(()));
        check("Example.COM", Ok(()));
        check("localhost", Err(LoginDomainError::Localhost));
        check("127.0.0.1", Err(LoginDomainError::IpAddress));
        check("127.0.0.1:80", Err(LoginDomainError::IpAddress));
        check("::1", Err(LoginDomainError::IpAddress));
        check("example.com:443", Err(LoginDomainError::Port));
        check("https://example.com", Err(LoginDomainError::Path));
        check("shop.example.com", Err(LoginDomainError::Labels(3)));
        check("com", Err(LoginDomainError::Labels(1)));
        check("", Err(LoginDomainError::HostName));
        check("exämple.com", Err(LoginDomainError::HostName));
        check("-a.com", Err(LoginDomainError::HostName));
    }
}
