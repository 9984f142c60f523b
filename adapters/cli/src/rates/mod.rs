//! Exchange rates from outside: a file that the operator, or a program of the operator's, writes anew, or a URL.
//!
//! What was published stays until there is something new that can be read: a table that is missing, broken or late changes
//! nothing but the node's own log.

mod table;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use quittance_core::command::Request;
use quittance_core::state::MAX_SOURCE_BYTES;
use quittance_outbound::Outbound;
use quittance_runtime::{Error, Handle};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

pub(crate) use table::{MAX_TABLE_BYTES, Rates, parse};

/// Where a node's rates come from while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) from: From,
    /// How long from one look to the next.
    pub(crate) every: Duration,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum From {
    File(PathBuf),
    Url(String),
}

impl From {
    /// What the log says of a table from here.
    fn name(&self) -> String {
        let name = match self {
            Self::File(path) => format!("file {}", path.file_name().unwrap_or_default().display()),
            // The host alone: the rest may hold a password.
            Self::Url(url) => {
                let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
                format!("url {}", authority.rsplit('@').next().unwrap_or_default())
            }
        };
        let end = (0..=MAX_SOURCE_BYTES.min(name.len())).rev().find(|end| name.is_char_boundary(*end));
        name[..end.unwrap_or(0)].to_owned()
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Url(_) => f.write_str(&self.name()),
        }
    }
}

/// Looks at a source until told to stop, and publishes what is new.
pub(crate) struct Feed {
    source: Source,
    /// As the log calls the tables; the source's own name when absent.
    pub(crate) name: Option<String>,
    pub(crate) engine: Handle,
    pub(crate) outbound: Outbound,
    seen: Seen,
}

/// What the last looks showed.
#[derive(Debug, Default)]
struct Seen {
    /// The file as it was at the last look, and whether it was read since.
    stamp: Option<(Stamp, bool)>,
    /// What is published.
    rates: Option<Rates>,
    /// What was said to be wrong, so that it is not said again and again.
    wrong: Option<String>,
}

/// Tells whether a file was written since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
}

impl Feed {
    pub(crate) fn new(source: Source, engine: Handle, outbound: Outbound) -> Self {
        Self { source, name: None, engine, outbound, seen: Seen::default() }
    }

    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut turn = interval(self.source.every);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                _ = turn.tick() => {}
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.look() => {}
            }
        }
    }

    /// One look. What is wrong is said once, and once more when it is over.
    async fn look(&mut self) {
        let looked = match self.source.from.clone() {
            From::File(path) => self.file(path).await,
            From::Url(url) => self.url(&url).await,
        };
        let published = match looked {
            Ok(None) => return,
            Ok(Some(rates)) => self.publish(rates).await,
            Err(wrong) => Err(wrong),
        };
        let from = &self.source.from;
        match published {
            Ok(()) => {
                if self.seen.wrong.take().is_some() {
                    tracing::info!(%from, "exchange rates can be read again");
                }
            }
            Err(wrong) => {
                if self.seen.wrong.as_ref() != Some(&wrong) {
                    tracing::warn!(%from, "the exchange rates stay as they are: {wrong}");
                    self.seen.wrong = Some(wrong);
                }
            }
        }
    }

    /// The file's table, if it was written since it was last read. Read at the second look that finds it the same: whoever
    /// writes it in place may not have come to its end at the first.
    async fn file(&mut self, path: PathBuf) -> Result<Option<Rates>, String> {
        let known = self.seen.stamp;
        let look = move || look_at(&path, known);
        let looked = tokio::task::spawn_blocking(look).await.map_err(|error| error.to_string())?;
        match looked {
            Ok((stamp, text)) => {
                let read = text.is_some() || known == Some((stamp, true));
                self.seen.stamp = Some((stamp, read));
                text.map(|text| parse(&text)).transpose()
            }
            Err(error) => {
                self.seen.stamp = None;
                Err(error)
            }
        }
    }

    async fn url(&self, url: &str) -> Result<Option<Rates>, String> {
        let answer = self.outbound.get(url).await.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("expected HTTP 200, got {}", answer.status));
        }
        let text = String::from_utf8(answer.body).map_err(|_| "expected text in UTF-8".to_owned())?;
        parse(&text).map(Some)
    }

    async fn publish(&mut self, rates: Rates) -> Result<(), String> {
        if self.seen.rates.as_ref() == Some(&rates) {
            return Ok(());
        }
        let source = self.name.clone().unwrap_or_else(|| self.source.from.name());
        let publish = Request::PublishRates { source, rates: rates.clone() };
        let accepted = match self.engine.execute(publish).await {
            Ok(accepted) => accepted,
            // Refused for now, as a node does that has to honour quotes, or whose disk is full: the file is read once more.
            Err(error @ (Error::Rejected(_) | Error::Full(_))) => {
                self.seen.stamp = None;
                return Err(error.to_string());
            }
            Err(error) => return Err(error.to_string()),
        };
        if !accepted.repeated {
            tracing::info!(from = %self.source.from, currencies = rates.len(), "new exchange rates");
        }
        self.seen.rates = Some(rates);
        Ok(())
    }
}

/// How the file is now, and its text if it is to be read.
fn look_at(path: &Path, known: Option<(Stamp, bool)>) -> Result<(Stamp, Option<String>), String> {
    let data = std::fs::metadata(path).map_err(|error| error.to_string())?;
    let stamp = Stamp { modified: data.modified().ok(), len: data.len() };
    if !data.is_file() {
        return Err("expected a file".to_owned());
    }
    if stamp.len > MAX_TABLE_BYTES {
        return Err(format!("expected at most {MAX_TABLE_BYTES} bytes, got {}", stamp.len));
    }
    // At the first look of all, the file is as old as it looks; later ones see it being written.
    let settled = known == Some((stamp, false)) || known.is_none() && is_old(stamp);
    let text = settled.then(|| std::fs::read_to_string(path)).transpose();
    text.map(|text| (stamp, text)).map_err(|error| error.to_string())
}

/// Whether nobody has written the file for a second.
fn is_old(stamp: Stamp) -> bool {
    let age = stamp.modified.and_then(|modified| modified.elapsed().ok());
    age.is_some_and(|age| age >= Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_names_where_its_rates_came_from_but_no_password() {
        let long = format!("https://{}.example/rates", "ü".repeat(80));
        for (from, name) in [
            (From::File("/etc/quittance/rates.toml".into()), "file rates.toml"),
            (From::Url("https://rates.example/kin?key=secret".into()), "url rates.example"),
            (From::Url("https://rates.example?key=secret".into()), "url rates.example"),
            (From::Url("https://user:secret@rates.example".into()), "url rates.example"),
            (From::Url("user:p@ss@rates.example/kin".into()), "url rates.example"),
            (From::Url(long), &format!("url {}", "ü".repeat(62))),
        ] {
            assert_eq!(from.name(), name);
        }
    }

    #[test]
    fn a_file_is_read_when_it_has_been_left_alone_and_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rates.toml");
        assert!(look_at(&path, None).is_err());
        std::fs::write(&path, "usd = ").unwrap();
        let (half, text) = look_at(&path, None).unwrap();
        assert_eq!(text, None, "it may not be whole yet");
        std::fs::write(&path, "usd = \"1\"").unwrap();
        let (whole, text) = look_at(&path, Some((half, false))).unwrap();
        assert_eq!(text, None, "it was written since");
        let (same, text) = look_at(&path, Some((whole, false))).unwrap();
        assert_eq!((same, text.as_deref()), (whole, Some("usd = \"1\"")));
        let (_, text) = look_at(&path, Some((whole, true))).unwrap();
        assert_eq!(text, None, "it was read");
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        assert_eq!(look_at(&path, None).unwrap().1.as_deref(), Some("usd = \"1\""), "a node starts with it");
        file.set_len(MAX_TABLE_BYTES + 1).unwrap();
        assert!(look_at(&path, None).unwrap_err().starts_with("expected at most"));
        assert_eq!(look_at(directory.path(), None).unwrap_err(), "expected a file");
    }
}
