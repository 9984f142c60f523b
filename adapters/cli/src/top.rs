//! `quittance top`: what a running node is doing, second by second, from its log.

use std::collections::{BTreeMap, VecDeque};
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use quittance_core::event::{EventKind, Record};
use quittance_core::frame;
use quittance_core::ids::{NodeId, Position};
use quittance_http_api::document;
use serde_json::{Value, json};

use crate::error::{CliError, Kind};
use crate::operator;
use crate::output::Output;

/// The last records that are shown.
const LATEST: usize = 12;
/// Clears what is on the screen and begins at its top (ECMA-48: CUP, ED).
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

#[derive(Debug, ClapArgs)]
pub(crate) struct TopArgs {
    /// The directory of the node, which has to run.
    #[arg(long, env = "QUITTANCE_DATA")]
    data: PathBuf,
    /// Seconds from one look to the next.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    /// End after so many looks, instead of never.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    times: Option<u64>,
}

/// Looks again and again. On a terminal each look takes the place of the one before; elsewhere it is one line of its own.
pub(crate) fn run(args: &TopArgs, output: &Output) -> Result<(), CliError> {
    let on_screen = std::io::stdout().is_terminal() && !output.is_json();
    let (node, end) = durable(&args.data)?;
    let mut top = Top::new(node, end);
    for look in 1u64.. {
        let began = Instant::now();
        // The first look is of what was there before; every other one of what came since the last.
        top.look(&args.data, if look == 1 { Duration::ZERO } else { Duration::from_secs(args.every) })?;
        if on_screen {
            let mut out = std::io::stdout().lock();
            let drawn = write!(out, "{CLEAR}{}", top.screen()).and_then(|()| out.flush());
            // Whoever looked has gone away.
            if drawn.is_err() {
                return Ok(());
            }
        } else {
            output.result(&top.json(), || top.line());
        }
        if args.times == Some(look) {
            break;
        }
        std::thread::sleep(Duration::from_secs(args.every).saturating_sub(began.elapsed()));
    }
    Ok(())
}

/// Where the node's log ends.
fn durable(data: &Path) -> Result<(NodeId, Position), CliError> {
    let answer = operator::ask(data, Position(u64::MAX))?.ok_or_else(|| not_running(data))?;
    Ok((answer.node(), answer.durable()))
}

fn not_running(data: &Path) -> CliError {
    let message = format!("no node runs in {}", data.display());
    CliError::new(Kind::Unreachable, message).hint("quittance serve --data DIR, then the same command")
}

/// What has been seen.
#[derive(Debug)]
struct Top {
    node: NodeId,
    /// The last record seen, or the end of the log at the first look.
    position: Position,
    /// Records by kind: since the last look, and since the first.
    counts: BTreeMap<EventKind, (u64, u64)>,
    since: Duration,
    latest: VecDeque<String>,
}

impl Top {
    fn new(node: NodeId, position: Position) -> Self {
        let (counts, since, latest) = (BTreeMap::new(), Duration::ZERO, VecDeque::new());
        Self { node, position, counts, since, latest }
    }

    fn look(&mut self, data: &Path, since: Duration) -> Result<(), CliError> {
        self.since = since;
        for (now, _) in self.counts.values_mut() {
            *now = 0;
        }
        let next = Position(self.position.0.saturating_add(1));
        let answer = operator::ask(data, next)?.ok_or_else(|| not_running(data))?;
        for bytes in answer.frames() {
            let frame = frame::decode(&bytes?).map_err(|error| CliError::new(Kind::Damaged, error))?;
            // A frame can begin before what was asked for.
            for record in frame.records.iter().filter(|record| record.position >= next) {
                self.see(record);
            }
        }
        Ok(())
    }

    fn see(&mut self, record: &Record) {
        self.position = record.position;
        let (now, all) = self.counts.entry(record.event.kind()).or_default();
        (*now, *all) = (*now + 1, *all + 1);
        if self.latest.len() == LATEST {
            self.latest.pop_front();
        }
        let intent = record.subject.map(|subject| subject.intent.to_string()).unwrap_or_default();
        let (position, at) = (record.position, document::time(record.recorded_at));
        self.latest.push_back(format!("{position:>8}  {at:<27}  {:<36}  {intent}", record.event.name()));
    }

    /// Records since the last look.
    fn records(&self) -> u64 {
        self.counts.values().map(|(now, _)| now).sum()
    }

    fn screen(&self) -> String {
        let mut lines = vec![self.line(), String::new()];
        if self.counts.is_empty() {
            lines.push("nothing has happened since this began".into());
        } else {
            lines.push(format!("{:<36}  {:>10}  {:>10}", "event", "now", "since"));
        }
        for (kind, (now, all)) in &self.counts {
            lines.push(format!("{:<36}  {now:>10}  {all:>10}", kind.name()));
        }
        lines.push(String::new());
        lines.extend(self.latest.iter().cloned());
        lines.push(String::new());
        lines.join("\n")
    }

    fn line(&self) -> String {
        let seconds = self.since.as_secs();
        let rate = match seconds {
            0 => String::new(),
            1 => format!("  {} records in 1 s", self.records()),
            _ => format!("  {} records in {seconds} s", self.records()),
        };
        format!("{}  at position {}{rate}", self.node, self.position)
    }

    fn json(&self) -> Value {
        let counts: serde_json::Map<_, _> = self
            .counts
            .iter()
            .map(|(kind, (now, all))| (kind.name().to_owned(), json!({ "now": now, "since": all })))
            .collect();
        json!({
            "node": self.node.to_string(),
            "position": self.position.0,
            "seconds": self.since.as_secs(),
            "records": self.records(),
            "events": counts,
        })
    }
}

#[cfg(test)]
mod tests {
    use quittance_core::currency::{Currency, Rate};
    use quittance_core::event::Event;
    use quittance_core::ids::{CausationId, Timestamp};

    use super::*;

    fn rates(position: u64) -> Record {
        let rate: Rate = "0.00002".parse().unwrap();
        Record {
            position: Position(position),
            recorded_at: Timestamp(1_800_000_000_000_000),
            causation: CausationId(1),
            subject: None,
            event: Event::RatesPublished { source: "here".into(), rates: vec![(Currency::USD, rate)] },
        }
    }

    #[test]
    fn an_operator_sees_what_is_new_and_what_there_was() {
        let mut top = Top::new(NodeId([1; 32]), Position(2));
        assert!(top.screen().contains("nothing has happened"), "{}", top.screen());
        for position in 3..=22 {
            top.see(&rates(position));
        }
        top.since = Duration::from_secs(1);
        assert!(top.line().ends_with("at position 22  20 records in 1 s"), "{}", top.line());
        let screen = top.screen();
        let row = screen.lines().find(|line| line.starts_with("rates.published")).unwrap();
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["rates.published", "20", "20"]);
        assert_eq!(screen.matches("2027-01-15T08:00:00Z").count(), LATEST, "{screen}");
        assert_eq!(top.json()["events"]["rates.published"], json!({ "now": 20, "since": 20 }));
    }
}
