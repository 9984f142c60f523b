//! The settings of the door out: whom a node may call, and whom it trusts.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use quittance_outbound::pki_types::CertificateDer;
use quittance_outbound::pki_types::pem::PemObject as _;
use quittance_outbound::{HostTable, Options, Outbound};
use serde::Deserialize;

use crate::error::CliError;

/// Whom a node calls; the world by `https`, at its usual port, where absent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutboundFile {
    /// Whether a URL may name any port instead of 443 alone.
    #[serde(default)]
    any_port: bool,
    /// A PEM file of certificate authorities to trust beside the system's.
    ca: Option<PathBuf>,
    /// Where names lead instead of where they do, with `--dev` alone.
    #[serde(default)]
    hosts: BTreeMap<String, SocketAddr>,
}

impl OutboundFile {
    /// The client that this node calls others with.
    ///
    /// # Errors
    /// The file of authorities cannot be read or has none; names are led elsewhere without `--dev`.
    pub(crate) fn open(&self, dev: bool) -> Result<Outbound, CliError> {
        if !dev && !self.hosts.is_empty() {
            return Err(CliError::misuse(
                "outbound.hosts leads names elsewhere, which only a --dev node may",
            )
            .hint("leave it out, or --dev to try things out"));
        }
        let hosts = self.hosts.iter().map(|(name, at)| (name.to_ascii_lowercase(), *at)).collect();
        let options = Options {
            dev,
            any_port: self.any_port,
            resolver: Arc::new(HostTable::new(hosts)),
            roots: self.roots()?,
            ..Options::default()
        };
        Outbound::new(options).map_err(|error| CliError::misuse(format!("outbound.ca: {error}")))
    }

    fn roots(&self) -> Result<Vec<CertificateDer<'static>>, CliError> {
        let Some(path) = &self.ca else { return Ok(Vec::new()) };
        let wrong = |why: String| CliError::misuse(format!("outbound.ca: {}: {why}", path.display()));
        let text = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let roots = roots.map_err(|error| wrong(error.to_string()))?;
        if roots.is_empty() {
            return Err(wrong("expected certificates in PEM, got none".to_owned()));
        }
        Ok(roots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_led_elsewhere_with_dev_alone_and_a_file_without_authorities_is_refused() {
        let open = |text: &str, dev| toml::from_str::<OutboundFile>(text).unwrap().open(dev).map(drop);
        let hosts = "hosts = { \"Shop.example\" = \"127.0.0.1:9\" }";
        assert!(open(hosts, true).is_ok() && open("", false).is_ok());
        assert_eq!(open(hosts, false).unwrap_err().exit_code(), 2);
        let refused = open("ca = \"/no/such/file\"", true).unwrap_err();
        assert!(refused.to_string().contains("outbound.ca: /no/such/file: "), "{refused}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = open(&format!("ca = {:?}", file.path()), true).unwrap_err();
        assert!(refused.to_string().contains("expected certificates in PEM, got none"), "{refused}");
    }
}
