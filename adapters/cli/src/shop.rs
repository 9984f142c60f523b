//! The demo's shop: a merchant of its own, who asks the node for payments as a merchant's server does.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use quittance_core::ids::{AccountId, IntentId};
use quittance_pages::{Answer, Elements, Order, Ordered, Shop};

use crate::client::Client;
use crate::demo::request;
use crate::error::CliError;
use crate::keys;

/// The largest script that is taken for part of the package, in bytes.
const MAX_SCRIPT_BYTES: u64 = 4 << 20;

/// What the operator says about the shop.
#[derive(Clone, Debug)]
pub(crate) struct ShopOptions {
    /// Where `@code-wallet/elements` is, if it is anywhere.
    pub(crate) elements: Option<PathBuf>,
}

impl ShopOptions {
    /// Opens the shop of the node at `url`.
    ///
    /// # Errors
    /// The package is not where it is said to be.
    pub(crate) fn open(&self, url: &str) -> Result<Shop, CliError> {
        let elements = self.elements.as_deref().map(elements).transpose()?;
        let merchant = Arc::new(keys::generate()?);
        let destination = AccountId(merchant.verifying_key().to_bytes());
        let client = Client::new(url)?;
        let order = move |order: Order| {
            let (client, merchant) = (client.clone(), Arc::clone(&merchant));
            let asked = async move { ask(&client, &merchant, order).await };
            let asked = async move { asked.await.map_err(|error| error.message().to_owned()) };
            Box::pin(asked) as Answer
        };
        Ok(Shop { destination, order: Arc::new(order), elements })
    }
}

/// What an SDK does with an order.
async fn ask(client: &Client, merchant: &SigningKey, order: Order) -> Result<Ordered, CliError> {
    let request = request(merchant, order.us_cents, None)?;
    client.envelope(request.signed_message().envelope()).await?;
    let (id, client_secret) = (IntentId(request.intent_id().0), request.client_secret());
    Ok(Ordered { id, client_secret })
}

/// The package's script for pages, and that of the framework beside it, which it needs.
pub(crate) fn elements(directory: &Path) -> Result<Elements, CliError> {
    let beside = directory.join("../../vue/dist/vue.runtime.global.prod.js");
    Ok(Elements {
        script: script(&directory.join("dist/elements.iife.js"))?.into(),
        vue: script(&beside)?.into(),
    })
}

fn script(path: &Path) -> Result<Vec<u8>, CliError> {
    let wrong = |error: String| {
        CliError::misuse(format!("--elements: {}: {error}", path.display())).hint(
            "npm install @code-wallet/elements@2.0.4, then --elements node_modules/@code-wallet/elements",
        )
    };
    let size = fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if size > MAX_SCRIPT_BYTES {
        return Err(wrong(format!("expected a script of at most {MAX_SCRIPT_BYTES} bytes, got {size}")));
    }
    fs::read(path).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_told_which_file_of_the_package_is_missing() {
        let directory = tempfile::tempdir().unwrap();
        let package = directory.path().join("node_modules/@code-wallet/elements");
        let missing = |file: &str| {
            let refused = elements(&package).unwrap_err();
            assert_eq!(refused.exit_code(), 2);
            assert!(refused.message().starts_with("--elements: "), "{}", refused.message());
            assert!(refused.message().contains(file), "{}", refused.message());
        };
        missing("dist/elements.iife.js");
        fs::create_dir_all(package.join("dist")).unwrap();
        fs::write(package.join("dist/elements.iife.js"), "var code = {};").unwrap();
        missing("vue.runtime.global.prod.js");
        let vue = directory.path().join("node_modules/vue/dist");
        fs::create_dir_all(&vue).unwrap();
        fs::write(vue.join("vue.runtime.global.prod.js"), "var Vue = {};").unwrap();
        assert_eq!(elements(&package).unwrap().script.as_ref(), b"var code = {};");
    }
}
