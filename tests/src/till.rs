//! A till: a merchant and a payer in one thread who write down what the node acknowledged, and check later that it is there.

use std::io;

use data_encoding::BASE64;
use quittance_code_api::request::SignedRequest;
use quittance_http_api::document;

use crate::http::Answer;
use crate::people::{MERCHANT, Payer, create, intent, order, submit};

/// What one deposit puts into the payer's account: 100 000 kin.
const DEPOSIT: u64 = 10_000_000_000;
/// What one order asks for, in hundredths of a US dollar.
const PRICE: u64 = 25;
/// Payments between two deposits. Each costs 12 500 kin.
const PAYMENTS_A_DEPOSIT: u64 = 5;

/// One payer's dealings. Each step may be asked again after a failure, and then counts once.
#[derive(Debug)]
pub struct Till {
    name: String,
    payer: Payer,
    turn: u64,
    deposits: u64,
    created: Vec<SignedRequest>,
    paid: Vec<Paid>,
    /// Created, not paid yet.
    open: Option<SignedRequest>,
    /// Signed, not acknowledged yet; and what it costs.
    signed: Option<(document::Submission, u64)>,
}

#[derive(Debug)]
struct Paid {
    id: String,
    submission: document::Submission,
    position: u64,
    quarks: u64,
}

impl Till {
    /// A till with a payer of its own.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self {
            name: format!("till {number}"),
            payer: Payer::numbered(number),
            turn: 0,
            deposits: 0,
            created: Vec::new(),
            paid: Vec::new(),
            open: None,
            signed: None,
        }
    }

    /// How many payments it knows to be accepted.
    #[must_use]
    pub fn payments(&self) -> usize {
        self.paid.len()
    }

    /// The last position it knows to be acknowledged.
    #[must_use]
    pub fn last_position(&self) -> u64 {
        self.paid.iter().map(|paid| paid.position).max().unwrap_or_default()
    }

    /// The next step, or the one in doubt once more.
    ///
    /// # Errors
    /// No whole answer came, or the node is stopping: the step is in doubt. [`io::ErrorKind::StorageFull`]: the node's disk
    /// is full and the step was not taken.
    ///
    /// # Panics
    /// The node refuses.
    pub fn step(&mut self, address: &str) -> io::Result<()> {
        if self.deposits * PAYMENTS_A_DEPOSIT <= self.turn {
            let key = format!("{}, deposit {}", self.name, self.deposits);
            let answer = self.payer.deposit(address, &key, DEPOSIT)?;
            if !answer.is_success() {
                return Err(not_now(&key, &answer.text()));
            }
            self.deposits += 1;
            return Ok(());
        }
        let Some(request) = &self.open else {
            let request = order(MERCHANT, PRICE, "usd", &format!("{}, order {}", self.name, self.turn));
            create(address, &request)?.map_err(|refusal| not_now(&self.name, &refusal))?;
            self.created.push(request.clone());
            self.open = Some(request);
            return Ok(());
        };
        let id = request.intent_id().to_string();
        let (submission, quarks) = match self.signed.clone() {
            Some(signed) => signed,
            None => {
                let quote = self.payer.quote(address, &id)?;
                let quote = quote.map_err(|answer| not_now(&id, &answer.text()))?;
                self.signed.insert((self.payer.sign(&quote), quote.quarks)).clone()
            }
        };
        let accepted = submit(address, &id, &submission)?.map_err(|answer| not_now(&id, &answer.text()))?;
        self.paid.push(Paid { id, submission, position: accepted.position, quarks });
        (self.open, self.signed) = (None, None);
        self.turn += 1;
        Ok(())
    }

    /// Checks everything that was acknowledged since `since` (see [`payments`](Self::payments)), and the account as a whole.
    /// To be called when no step is in doubt.
    ///
    /// # Errors
    /// No whole answer came.
    ///
    /// # Panics
    /// Something is missing or is not what was acknowledged.
    pub fn check(&self, address: &str, since: usize) -> io::Result<()> {
        for request in self.created.iter().skip(since) {
            let id = request.intent_id().to_string();
            let known = intent(address, &id)?
                .unwrap_or_else(|answer| panic!("a created intent is lost: {}", answer.text()));
            assert_eq!(
                known.authorization.signed,
                BASE64.encode(&request.signed_message().message()),
                "{id}"
            );
            let terms = known.terms.as_ref().unwrap_or_else(|| panic!("{id} asks for a payment"));
            let terms = (terms.destination.as_str(), terms.currency.as_str(), terms.amount.as_str());
            assert_eq!(terms, (MERCHANT, "usd", "0.25"), "{id}");
        }
        for paid in self.paid.iter().skip(since) {
            paid.check(address)?;
        }
        let holds = self.payer.holds(address)?;
        let spent: u64 = self.paid.iter().map(|paid| paid.quarks).sum();
        let (deposited, available) = (self.deposits * DEPOSIT, holds.available);
        assert_eq!(
            deposited - spent,
            available,
            "{}: {deposited} deposited, {spent} spent: {holds:?}",
            self.name
        );
        Ok(())
    }

    /// Checks the acknowledged positions against the whole log.
    ///
    /// # Panics
    /// A position holds something else.
    pub fn check_positions(&self, records: &[serde_json::Value]) {
        for paid in &self.paid {
            let index = usize::try_from(paid.position - 1).expect("a position that fits");
            let record = &records[index];
            assert_eq!(record["position"], paid.position);
            assert_eq!(
                record["intent"],
                paid.id.as_str(),
                "acknowledged at {}, which says {record}",
                paid.position
            );
        }
    }

    /// Whether every payment is settled.
    ///
    /// # Errors
    /// No whole answer came.
    pub fn is_settled(&self, address: &str) -> io::Result<bool> {
        Ok(self.payer.holds(address)?.reserved == 0)
    }

    /// Finishes what is in doubt.
    ///
    /// # Errors
    /// No whole answer came.
    pub fn finish(&mut self, address: &str) -> io::Result<()> {
        self.step(address)?;
        while self.open.is_some() {
            self.step(address)?;
        }
        Ok(())
    }
}

/// A refusal that says nothing against the request.
fn not_now(what: &str, refusal: &str) -> io::Error {
    let kind = match refusal {
        _ if refusal.contains("store_full") || refusal.contains("disk is full") => io::ErrorKind::StorageFull,
        _ if refusal.contains("node_unavailable") || refusal.contains("takes no requests") => {
            io::ErrorKind::ConnectionAborted
        }
        _ => panic!("{what}: refused: {refusal}"),
    };
    io::Error::new(kind, format!("{what}: {refusal}"))
}

impl Paid {
    fn check(&self, address: &str) -> io::Result<()> {
        let Self { id, submission, position, quarks } = self;
        let known =
            intent(address, id)?.unwrap_or_else(|answer| panic!("a paid intent is lost: {}", answer.text()));
        let kept =
            known.payment.as_ref().map(|kept| (&kept.payload, &kept.signature, &kept.payer, kept.quarks));
        let given = (&submission.payload, &submission.signature, &submission.payer, *quarks);
        assert_eq!(kept, Some(given), "{id}: {known:?}");
        assert!(matches!(known.state.as_str(), "scheduled" | "confirmed"), "{id}: {known:?}");
        let again = submit(address, id, submission)?.map_err(|answer: Answer| answer.text());
        let again =
            again.unwrap_or_else(|refusal| panic!("{id}: the same payment again is refused: {refusal}"));
        // The same request, the same answer: the very record that carried it out.
        assert!(again.repeated && again.position == *position, "{id}: paid at {position}, again: {again:?}");
        Ok(())
    }
}
