//! The one door out of a node: every HTTP call to somebody else goes through [`Outbound`].
//!
//! Who asks for a payment may name a URL, and by it make this node connect to wherever the URL leads. So that it leads nowhere
//! inside:
//!
//! * only `https`, only a DNS name, only the default port, no user name: nothing that two readers can read in two ways;
//! * the name is resolved once a connection, and unless every one of its addresses is global (see [`not_global`]) none is
//!   called;
//! * what is connected to is an address that was judged, never the name again; TLS and the Host header keep the name;
//! * a redirect is followed by [`Outbound::get`] and [`Outbound::status`] alone, at most [`MAX_REDIRECTS`] times, to the same host, and judged anew;
//! * heads, bodies, times, look-ups, and calls to one host have limits; who waits for a place here in vain has called nobody
//!   ([`Error::Busy`]), and the time that the other side has begins behind the wait.
//!
//! A proxy of the environment is not used: whether an address is called must not be another's decision.
//! [`Options::dev`] opens the door to the machine itself, for trying things out.

mod address;
mod call;
mod error;
mod lookups;
mod places;
mod resolve;
mod target;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::header::CONTENT_TYPE;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, timeout};

pub use address::not_global;
pub use error::{Error, UrlError};
pub use lookups::Lookup;
pub use places::{Place, Places};
pub use resolve::{Addresses, HostTable, Resolve, SystemResolver};
pub use rustls::pki_types;
pub use target::MAX_URL_BYTES;

use call::{Head, Judged, exchange};
use lookups::{Found, Lookups};
use target::{Rules, Target};

/// The most redirects that are followed.
pub const MAX_REDIRECTS: usize = 3;

/// Names that are looked up at once for calls: in all, of names that were not found before, and of those under one site.
const LOOKUPS: (usize, usize, usize) = (48, 32, 4);
/// The same for [`Outbound::check_url`]. Apart: anybody may have a URL checked, and whose name servers never answer must not keep
/// calls from being made.
const CHECKS: (usize, usize, usize) = (16, 12, 2);
/// Pages that are looked at under one host at a time ([`Outbound::status`]).
const MAX_PAGES: usize = 4;

/// How calls are made.
#[derive(Clone, Debug)]
pub struct Options {
    /// For trying things out: also `http`, any port, and this machine itself, by name or by address. Every other address that
    /// is not global stays closed.
    pub dev: bool,
    /// Any port instead of 443 alone.
    pub any_port: bool,
    /// How long a look-up may take, within a call or for [`Outbound::check_url`]; also how long one may wait for its turn. 1 ms
    /// or more.
    pub resolve_timeout: Duration,
    /// How long [`Outbound::get`] may take, redirects included, once it has begun. 1 ms or more.
    pub get_timeout: Duration,
    /// The largest body that [`Outbound::get`] takes.
    pub max_body_bytes: usize,
    /// Calls under way to one host, GETs and POSTs apart; more wait, as long again as they may take.
    pub max_calls_per_host: usize,
    /// Who finds the addresses of names.
    pub resolver: Arc<dyn Resolve>,
    /// Certificate authorities that are trusted beside the system's.
    pub roots: Vec<CertificateDer<'static>>,
}

impl Default for Options {
    /// The system's resolver and authorities; 3 s for a look-up, 5 s and 64 KiB for a GET, 16 calls a host.
    fn default() -> Self {
        Self {
            dev: false,
            any_port: false,
            resolve_timeout: Duration::from_secs(3),
            get_timeout: Duration::from_secs(5),
            max_body_bytes: 64 * 1024,
            max_calls_per_host: 16,
            resolver: Arc::new(SystemResolver),
            roots: Vec::new(),
        }
    }
}

/// The HTTP client of a node. Cheap to clone; clones share their limits.
#[derive(Clone, Debug)]
pub struct Outbound {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: Options,
    rules: Rules,
    tls: Arc<ClientConfig>,
    posts: Places,
    gets: Places,
    pages: Places,
    lookups: Lookups,
    checks: Lookups,
}

/// What came back from a GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status; never a redirect.
    pub status: u16,
    /// The body, whole.
    pub body: Vec<u8>,
}

/// What a POST says.
#[derive(Clone, Debug)]
pub struct Post<'a> {
    /// Whom it is for.
    pub url: &'a str,
    /// The content type.
    pub content_type: &'a str,
    /// Further headers. A name or a value that HTTP does not allow is [`Error::Http`].
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: Vec<u8>,
    /// How long it may take until the status is there, from when it is this call's turn.
    pub timeout: Duration,
}

impl Outbound {
    /// A client. Authorities that cannot be read are left out, and said in the node's own log.
    ///
    /// # Errors
    /// rustls and its cryptography do not fit each other, or a root of the options is no certificate.
    pub fn new(options: Options) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "certificate authorities of the system could not be read");
        }
        roots.add_parsable_certificates(system.certs);
        for root in &options.roots {
            roots.add(root.clone())?;
        }
        if roots.is_empty() {
            tracing::warn!("this system trusts no certificate authority: every call by https will fail");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let rules = Rules { dev: options.dev, any_port: options.any_port };
        let most = options.max_calls_per_host;
        let found = Arc::new(Found::default());
        let of = |(all, strangers, per_site)| Lookups::new(all, strangers, per_site, &found);
        Ok(Self {
            inner: Arc::new(Inner {
                options,
                rules,
                tls: Arc::new(tls),
                posts: Places::new(most),
                gets: Places::new(most),
                pages: Places::new(most.min(MAX_PAGES)),
                lookups: of(LOOKUPS),
                checks: of(CHECKS),
            }),
        })
    }

    /// Whether a URL would be called now: reads it, resolves its host, judges the addresses. Connects to nobody.
    ///
    /// The verdict is for whoever gives the URL; every call judges again.
    ///
    /// # Errors
    /// In the words of protocol b.1, or [`Error::Busy`].
    pub async fn check_url(&self, url: &str) -> Result<(), Error> {
        let target = Target::parse(url, self.inner.rules)?;
        let checks = &self.inner.checks;
        let lookup = self.lookup(&target, checks).await?;
        Ok(self.judge(&target, checks, lookup).await.map(drop)?)
    }

    /// The host that a URL names, in lower case, or why it is not called. Resolves nothing.
    ///
    /// # Errors
    /// In the words of protocol b.1.
    pub fn host(&self, url: &str) -> Result<String, UrlError> {
        Target::parse(url, self.inner.rules).map(|target| target.host)
    }

    /// The site that a host belongs to: all names of a domain are one.
    #[must_use]
    pub fn site(host: &str) -> &str {
        target::site(host)
    }

    /// Fetches a small document.
    ///
    /// # Errors
    /// The URL is not called, or there is no whole answer in time, or too large a one, or a redirect that is not followed.
    pub async fn get(&self, url: &str) -> Result<Answer, Error> {
        self.follow(url, &self.inner.gets, true).await
    }

    /// The status of a page of any size, whatever it is but a redirect. Its body is not read.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn status(&self, url: &str) -> Result<u16, Error> {
        self.follow(url, &self.inner.pages, false).await.map(|answer| answer.status)
    }

    /// Posts to a URL and gives back the status, whatever it is. A redirect is not followed, and the body is not read.
    ///
    /// # Errors
    /// The URL is not called, or there is no status in time.
    pub async fn post(&self, post: Post<'_>) -> Result<u16, Error> {
        let Post { url, content_type, headers, body, timeout: after } = post;
        let target = Target::parse(url, self.inner.rules)?;
        let Inner { posts, lookups, .. } = &*self.inner;
        let _place = posts.enter(&target.host, after).await.ok_or_else(|| busy(&target))?;
        let lookup = self.lookup(&target, lookups).await?;
        let called = async {
            let judged = self.judge(&target, lookups, lookup).await?;
            let mut request = Request::post("/").header(CONTENT_TYPE, content_type);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let status = async |head: Head, _| Ok(head.status);
            exchange(&target, judged, &self.inner.tls, request, body, status).await
        };
        let called = timeout(after, called).await;
        called.unwrap_or_else(|_| Err(Error::TimedOut { host: target.host.clone(), after }))
    }

    async fn follow(&self, url: &str, places: &Places, with_body: bool) -> Result<Answer, Error> {
        let Inner { options, rules, tls, lookups, .. } = &*self.inner;
        let (after, limit) = (options.get_timeout, options.max_body_bytes);
        let mut target = Target::parse(url, *rules)?;
        // A redirect stays with it.
        let host = &target.host.clone();
        let _place = places.enter(host, after).await.ok_or_else(|| busy(&target))?;
        let mut left = after;
        for _ in 0..=MAX_REDIRECTS {
            let lookup = self.lookup(&target, lookups).await?;
            let fetched = async |head: Head, body| match head.status {
                301 | 302 | 303 | 307 | 308 => Ok(Err(head.location)),
                status if with_body => Ok(Ok(Answer { status, body: call::read(host, body, limit).await? })),
                status => Ok(Ok(Answer { status, body: Vec::new() })),
            };
            let step = async {
                let judged = self.judge(&target, lookups, lookup).await?;
                exchange(&target, judged, tls, Request::get("/"), Vec::new(), fetched).await
            };
            let begun = Instant::now();
            let step = timeout(left, step).await;
            left = left.saturating_sub(begun.elapsed());
            match step.unwrap_or_else(|_| Err(Error::TimedOut { host: host.clone(), after }))? {
                Ok(answer) => return Ok(answer),
                Err(location) => target = self.next(&target, location.as_deref())?,
            }
        }
        let why = format!("expected at most {MAX_REDIRECTS} of them");
        Err(Error::Redirect { host: host.clone(), why })
    }

    /// Where a redirect leads, if it may be followed.
    fn next(&self, from: &Target, location: Option<&str>) -> Result<Target, Error> {
        let refused = |why: String| Error::Redirect { host: from.host.clone(), why };
        let location = location.ok_or_else(|| refused("expected a location header, got none".to_owned()))?;
        let to = from.join(location).ok_or_else(|| refused(format!("{location} is not a URL")))?;
        let next = Target::parse(&to, self.inner.rules).map_err(|error| refused(error.to_string()))?;
        if next.host != from.host {
            return Err(refused(format!("expected the same host, got {}", next.host)));
        }
        if from.tls && !next.tls {
            return Err(refused("expected https, got http".to_owned()));
        }
        Ok(next)
    }

    /// A look-up's turn, where there is something to look up.
    async fn lookup(&self, target: &Target, lookups: &Lookups) -> Result<Option<Lookup>, Error> {
        if target.host.parse::<IpAddr>().is_ok() {
            return Ok(None);
        }
        let begun = lookups.begin(&target.host, self.inner.options.resolve_timeout).await;
        begun.ok_or_else(|| busy(target)).map(Some)
    }

    async fn judge(
        &self,
        target: &Target,
        lookups: &Lookups,
        lookup: Option<Lookup>,
    ) -> Result<Judged, UrlError> {
        let Options { dev, resolve_timeout, resolver, .. } = &self.inner.options;
        let mut watched = lookups.watch(&target.host);
        let judged = timeout(*resolve_timeout, Judged::resolve(target, &**resolver, lookup, *dev)).await;
        let judged = judged.unwrap_or_else(|_| {
            let why = format!("no answer within {} ms", resolve_timeout.as_millis());
            Err(UrlError::Resolve { host: target.host.clone(), why })
        });
        watched.found = judged.is_ok();
        judged
    }
}

fn busy(target: &Target) -> Error {
    Error::Busy { host: target.host.clone() }
}
