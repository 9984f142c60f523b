//! A checkout as its template has it.

use askama::Template;
use quittance_core::event::CanceledBy;
use quittance_core::ids::{AccountId, IntentId, Timestamp};
use quittance_core::money::Quarks;
use quittance_core::state::{Asked, Intent, Phase, TransactionState};
use quittance_core::terms::Terms;
use url::Url;

use super::link::{Query, Rules, Ways, host, is_known};
use crate::Options;
use crate::figures::{kin, moment};
use crate::language::Language;
use crate::texts::{Texts, fill};

/// Who looks at it, and what came with the link.
pub(super) struct Asker {
    pub(super) language: Language,
    pub(super) query: Query,
    pub(super) ways: Ways,
    /// What the node is called there.
    pub(super) origin: Option<String>,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "checkout.html")]
pub(super) struct Checkout {
    language: Language,
    texts: &'static Texts,
    id: String,
    revision: u32,
    /// The node's clock as the page was made, in milliseconds since 1970: the payer's own may be wrong.
    now: u64,
    dev: bool,
    heading: String,
    /// What a name that nobody has proved is shown with.
    doubt: Option<String>,
    price: Option<Price>,
    lines: Vec<Line>,
    /// The merchant's own words.
    words: Vec<(String, String)>,
    state: State,
    notes: Vec<String>,
    /// While somebody can still pay: the last moment.
    deadline: Option<Moment>,
    code: Code,
    /// The address of this page, and the same as a picture.
    address: Option<(String, Option<String>)>,
    /// What opens an app on this device.
    app: Option<String>,
    /// The same in the wallet of a node for trying things out.
    wallet: Option<String>,
    /// How to pay it from a terminal.
    command: Option<String>,
    /// Where to go on to, now.
    onward: Option<Onward>,
    /// Where it will be.
    afterwards: Option<String>,
    languages: Vec<(&'static str, &'static str, String)>,
}

#[derive(Debug)]
struct Price {
    amount: String,
    currency: String,
}

#[derive(Debug)]
struct Line {
    name: String,
    key: String,
}

#[derive(Debug)]
struct Moment {
    /// For programs, RFC 3339.
    exact: String,
    /// For people, in UTC.
    shown: String,
}

#[derive(Debug)]
struct State {
    name: &'static str,
    /// How it is shown: `good`, `bad` or `wait`.
    mood: &'static str,
    text: &'static str,
}

/// What there is to scan.
#[derive(Debug)]
enum Code {
    /// Nothing any more.
    Over,
    Rings(String),
    /// The link does not carry it.
    Absent,
    /// The link carries that of something else.
    Foreign,
}

#[derive(Debug)]
struct Onward {
    address: String,
    text: String,
    /// Whether the page goes there unless its reader wants to stay.
    by_itself: bool,
}

impl Checkout {
    pub(super) fn of(
        id: IntentId,
        intent: &Intent,
        asker: &Asker,
        options: &Options,
        now: Timestamp,
    ) -> Self {
        let language = asker.language;
        let texts = language.texts();
        let terms = intent.terms();
        let price = terms.map(|terms| Price {
            amount: language.number(&(options.protocol.amount)(terms.currency, terms.amount)),
            currency: terms.currency.to_string().to_uppercase(),
        });
        let is_open = matches!(intent.phase, Phase::Created);
        let (heading, doubt) = heading(&intent.asked, texts);
        let code =
            if is_open { what_to_scan(id, intent, asker, price.as_ref(), options) } else { Code::Over };
        let command = match (&code, &asker.query.client_secret(), &asker.origin) {
            (Code::Rings(_), Some(secret), Some(origin)) if options.dev => {
                let command = if terms.is_some() { "pay" } else { "login" };
                Some(format!(
                    "quittance {command} {id} --client-secret {secret} --key payer.key --server {origin}"
                ))
            }
            _ => None,
        };
        let secret = asker.query.client_secret().filter(|_| matches!(code, Code::Rings(_)));
        let app = secret.and_then(|secret| app_link(id, intent, secret, asker, options));
        let wallet = secret
            .filter(|_| options.dev)
            .map(|secret| format!("{}#/checkout/{id}?code={secret}", crate::wallet::PATH));
        let address = asker.origin.as_ref().filter(|_| is_open).map(|origin| {
            let address = asker.query.address(origin, id);
            let picture = (options.protocol.qr_code)(&address, texts.qr_title);
            (address, picture)
        });
        let words = terms.map(|terms| {
            terms.metadata.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        });
        let afterwards = asker.ways.success.as_ref().filter(|_| is_open).map(host);
        let language_of =
            |language: Language| (language.tag(), language.name(), asker.query.in_language(language.tag()));
        Self {
            language,
            texts,
            id: id.to_string(),
            revision: intent.revision.0,
            now: now.0 / 1_000,
            dev: options.dev,
            heading,
            doubt,
            price,
            lines: terms.map(|terms| lines(terms, language)).unwrap_or_default(),
            words: words.unwrap_or_default(),
            state: state(intent, texts),
            notes: notes(intent, language),
            deadline: is_open.then(|| last_moment(intent.expires_at)),
            code,
            address,
            app,
            wallet,
            command,
            onward: onward(intent, asker, options),
            afterwards,
            languages: Language::ALL.into_iter().map(language_of).collect(),
        }
    }
}

/// Who asks for what, and what a name is worth that came with it.
fn heading(asked: &Asked, texts: &Texts) -> (String, Option<String>) {
    match asked {
        Asked::Login(login) => (fill(texts.asks_login, "domain", login.domain.as_str()), None),
        Asked::Payment(terms) => match &terms.site {
            Some(site) if site.verifier.is_some() => {
                (fill(texts.proved_asks, "domain", site.domain.as_str()), None)
            }
            Some(site) => {
                let doubt = fill(texts.says_it_is, "domain", site.domain.as_str());
                (texts.somebody_asks.to_owned(), Some(doubt))
            }
            None => (texts.somebody_asks.to_owned(), None),
        },
    }
}

/// Who gets what.
fn lines(terms: &Terms, language: Language) -> Vec<Line> {
    let texts = language.texts();
    let line = |name: String, account: AccountId| Line { name, key: account.to_string() };
    let fees = terms.fees.iter().map(|fee| {
        let points = fee.basis_points.get();
        let percent = match (points / 100, points % 100) {
            (whole, 0) => whole.to_string(),
            (whole, rest) => language.number(format!("{whole}.{rest:02}").trim_end_matches('0')),
        };
        line(fill(texts.share, "percent", &format!("{percent}\u{a0}%")), fee.destination)
    });
    [line(texts.paid_to.to_owned(), terms.destination)].into_iter().chain(fees).collect()
}

fn state(intent: &Intent, texts: &Texts) -> State {
    let texts = &texts.state;
    let (mood, text) = match &intent.phase {
        Phase::Created | Phase::Submitted(_) | Phase::Verified(_) if intent.scanned.is_some() => {
            ("wait", texts.scanned)
        }
        Phase::Created | Phase::Submitted(_) | Phase::Verified(_) => match intent.asked {
            Asked::Payment(_) => ("wait", texts.open),
            Asked::Login(_) => ("wait", texts.open_login),
        },
        Phase::Scheduled(_) => ("good", texts.scheduled),
        Phase::Confirmed(_) => ("good", texts.confirmed),
        Phase::LoggedIn(_) => ("good", texts.logged_in),
        Phase::Canceled(CanceledBy::Payer) => ("bad", texts.declined),
        Phase::Canceled(CanceledBy::Merchant) => ("bad", texts.withdrawn),
        Phase::Expired => ("bad", texts.expired),
        Phase::Rejected(_) => ("bad", texts.rejected),
        Phase::Failed(_) => ("bad", texts.failed),
    };
    State { name: intent.status().name(), mood, text }
}

/// What else a payer should know.
fn notes(intent: &Intent, language: Language) -> Vec<String> {
    let texts = language.texts();
    let mut notes = Vec::new();
    if intent.refusals > 0 && matches!(intent.phase, Phase::Created) {
        notes.push(texts.tried.to_owned());
    }
    let settled = intent.refunds.iter().filter(|refund| refund.progress.state() == TransactionState::Settled);
    // At most what was paid, which is checked before a refund is accepted.
    let quarks = Quarks::checked_sum(settled.map(|refund| refund.refund.quarks)).unwrap_or(Quarks::MAX);
    if quarks > Quarks::ZERO {
        notes.push(fill(texts.given_back, "amount", &language.number(&kin(quarks))));
    }
    notes
}

fn what_to_scan(
    id: IntentId,
    intent: &Intent,
    asker: &Asker,
    price: Option<&Price>,
    options: &Options,
) -> Code {
    let Some(secret) = &asker.query.code else { return Code::Absent };
    let texts = asker.language.texts();
    let title = match (price, intent.login_domain()) {
        (Some(Price { amount, currency }), _) => {
            fill(texts.ring_title, "amount", &format!("{amount} {currency}"))
        }
        (None, domain) => {
            let domain = domain.map(ToString::to_string).unwrap_or_default();
            fill(texts.ring_title_login, "domain", &domain)
        }
    };
    // One that is too long to be a secret is as wrong as any other.
    let drawn = asker.query.client_secret().filter(|known| known == secret);
    let drawn = drawn.and_then(|secret| (options.protocol.ring_code)(id, &intent.asked, secret, &title));
    drawn.map_or(Code::Foreign, Code::Rings)
}

fn app_link(id: IntentId, intent: &Intent, secret: &str, asker: &Asker, options: &Options) -> Option<String> {
    let (_, host) = asker.origin.as_deref()?.split_once("://")?;
    let Ways { success, cancel } = &asker.ways;
    let onward = crate::Onward {
        success: success.as_ref().map(Url::as_str),
        cancel: cancel.as_ref().map(Url::as_str),
    };
    (options.protocol.app_link)(host, id, &intent.asked, secret, &onward)
}

/// Only once it has ended is there a way to leave by, and only the one for how it ended. A merchant must ask the node and not
/// believe a browser that comes by.
fn onward(intent: &Intent, asker: &Asker, options: &Options) -> Option<Onward> {
    let (ways, texts) = (&asker.ways, asker.language.texts());
    let way = if intent.is_submitted() && !matches!(intent.phase, Phase::Failed(_)) {
        ways.success.as_ref()
    } else if intent.status().is_terminal() {
        ways.cancel.as_ref()
    } else {
        None
    };
    let rules = Rules { dev: options.dev, origin: asker.origin.as_deref() };
    way.map(|way| Onward {
        address: way.to_string(),
        text: fill(texts.go_on, "host", &host(way)),
        by_itself: is_known(way, intent.login_domain(), rules),
    })
}

fn last_moment(at: Timestamp) -> Moment {
    let at = moment(at);
    Moment { exact: at.to_string(), shown: at.strftime("%Y-%m-%d %H:%M UTC").to_string() }
}
