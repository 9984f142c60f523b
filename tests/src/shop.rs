//! A merchant who uses an official SDK, and a payer with the command line: the same story for every SDK.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::driver::Driver;
use crate::process::{Here, Server, text};
use crate::vectors::recorded;

/// More than everything that a test buys: 10 million kin.
const PURSE: u64 = 1_000_000_000_000;

/// A node with a payer who can pay.
#[derive(Debug)]
pub struct Shop {
    here: Here,
    directory: tempfile::TempDir,
    server: Server,
    key: PathBuf,
}

impl Shop {
    /// Starts a node and fills the payer's account.
    ///
    /// # Panics
    /// The stage cannot be set.
    #[must_use]
    pub fn open(here: Here) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let server = here.serve(&directory.path().join("data"));
        let (key, _) = here.funded_key(directory.path(), &server, PURSE);
        Self { here, directory, server, key }
    }

    /// The node.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The payer's key file.
    #[must_use]
    pub fn key(&self) -> &Path {
        &self.key
    }

    /// `quittance pay ID --client-secret SECRET`.
    ///
    /// # Panics
    /// The payment is not scheduled.
    pub fn pay(&self, id: &str, secret: &str) {
        let key = self.key.to_str().expect("a path in UTF-8");
        let url = self.server.url();
        let paid = self
            .here
            .run(["pay", id, "--client-secret", secret, "--key", key, "--server", url, "--json"])
            .json();
        assert_eq!(paid["id"], id);
        assert_eq!(paid["state"], "confirmed", "{paid}");
        assert_eq!(paid["repeated"], false, "{paid}");
    }

    /// `quittance show ID`.
    ///
    /// # Panics
    /// The node does not know it.
    #[must_use]
    pub fn show(&self, id: &str) -> Value {
        self.here.run(["show", id, "--server", self.server.url(), "--json"]).json()
    }

    /// Stops the node and checks its log.
    ///
    /// # Panics
    /// It does not stop, or the log does not verify.
    pub fn close(self) {
        self.server.stop();
        self.here.verify(&self.directory.path().join("data"));
    }

    /// From request to confirmation, with the options of a recorded case: id and secret are the recorded ones, and the same
    /// request is welcome again until it is paid.
    ///
    /// # Panics
    /// Anything goes another way.
    pub fn sell(&self, sdk: &mut Driver, case: &str) {
        let (options, wanted) = recorded(case);
        let wanted = json!({ "id": wanted["intent_id"], "clientSecret": wanted["client_secret"] });
        let (id, secret) = (text(&wanted["id"]), text(&wanted["clientSecret"]));
        let status = |sdk: &mut Driver| {
            let status = sdk.call("getStatus", &json!({ "intent": id }));
            text(&status.unwrap_or_else(|error| panic!("{case}: getStatus fails: {error}"))["status"])
        };
        assert_eq!(status(sdk), "pending", "{case}: before it is created");
        for attempt in ["the first", "a repeated"] {
            let created = sdk.call("create", &options);
            assert_eq!(created.as_ref(), Ok(&wanted), "{case}: {attempt} create");
        }
        assert_eq!(status(sdk), "pending", "{case}: before it is paid");
        assert_eq!(self.show(&id)["state"], "created", "{case}");
        self.pay(&id, &secret);
        assert_eq!(status(sdk), "confirmed", "{case}: after it is paid");
        assert_eq!(self.show(&id)["state"], "confirmed", "{case}");
        // Protocol e.3: who asks again for money that has been paid must not believe that a payer can still pay.
        let again = sdk.call("create", &options);
        assert!(again.is_err(), "{case}: create repeated after the payment gave {again:?}");
    }

    /// Creates `order` and then refuses it with each of the changes: what, field, value.
    ///
    /// # Panics
    /// The order is refused, or one of the changes is not.
    pub fn refuse_changes(
        &self,
        sdk: &mut Driver,
        order: &Value,
        changes: &[(&str, &str, Value)],
        why: &str,
    ) {
        sdk.call("create", order).expect("the first create");
        for (what, field, value) in changes {
            let mut changed = order.clone();
            changed[*field] = value.clone();
            self.refuse(sdk, what, &changed, why);
        }
    }

    /// A create that the node must refuse: the SDK throws, and what it throws contains `why`.
    ///
    /// # Panics
    /// The SDK returns, or throws something else.
    pub fn refuse(&self, sdk: &mut Driver, what: &str, options: &Value, why: &str) {
        match sdk.call("create", options) {
            Ok(created) => panic!("{what}: the SDK reports success: {created}"),
            Err(error) => assert!(error.contains(why), "{what}: expected {why:?} in {error:?}"),
        }
    }
}
