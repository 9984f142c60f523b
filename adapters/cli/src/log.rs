//! `quittance log`: what an auditor runs.

use std::path::Path;

use data_encoding::HEXLOWER;
use quittance_core::event::{Event, EventKind, Record};
use quittance_core::ids::Position;
use quittance_core::{invariant, verify};
use quittance_http_api::document;
use quittance_log_sled::SledLog;
use quittance_runtime::log::{EventLog, LogError};
use quittance_runtime::{ReplayError, replay};

use crate::error::{CliError, Kind};
use crate::node::KEY_FILE;
use crate::output::Output;
use crate::terms;

pub(crate) fn dump(data: &Path, from: u64, output: &Output) -> Result<(), CliError> {
    let log = open(data)?;
    replay::<CliError>(&*log.reader(), |_, record| {
        if record.position >= Position(from) {
            let json = document::record(record);
            output.result(&json, || line(record));
        }
        Ok(())
    })?;
    Ok(())
}

pub(crate) fn verify(data: &Path, signatures: bool, output: &Output) -> Result<(), CliError> {
    let verified = verified(data, signatures)?;
    output.result(&verified.json(), || verified.text());
    Ok(())
}

/// Opens a log to read it.
pub(crate) fn open(data: &Path) -> Result<SledLog, CliError> {
    // Where a node has been there is its key; without both, the path is wrong rather than the log lost.
    if !data.join("log").exists() && !data.join(KEY_FILE).exists() {
        return Err(CliError::misuse(format!("{}: there is no log here", data.display()))
            .hint("the directory that was given to quittance serve --data"));
    }
    // What is torn or was put back at the log's end is told as a warning.
    crate::serve::log_to_stderr("warn");
    SledLog::open(data, None).map_err(|error| match &error {
        LogError::Store { .. } => CliError::from(error).hint(format!(
            "TMPDIR=DIR with room for a copy of the log, which is what is read (now {})",
            std::env::temp_dir().display()
        )),
        _ => error.into(),
    })
}

/// What a log that verifies amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    frames: u64,
    records: u64,
    last_position: u64,
    signatures: u64,
    chain: String,
    digest: String,
}

/// Checks a whole log: every frame, link and record, every signature if asked, and what must hold of the state it folds to.
///
/// # Errors
/// The first thing that does not hold.
pub(crate) fn verified(data: &Path, signatures: bool) -> Result<Verified, CliError> {
    let log = open(data)?;
    let (mut records, mut checked, mut reservations) = (0, 0, Vec::new());
    let mut before = None;
    // The replay itself checks what no single record may break.
    let broken = |violation| CliError::new(Kind::Damaged, violation);
    let replayed = replay::<CliError>(&*log.reader(), |_, record| {
        records += 1;
        invariant::follows(before.as_ref(), record).map_err(broken)?;
        before = Some(record.clone());
        if ends_a_reservation(&record.event) {
            reservations.push(record.clone());
        }
        if signatures && let Some(valid) = verify::recheck(record) {
            checked += 1;
            if !valid {
                let message = format!("record {}: the signature does not verify", record.position);
                return Err(CliError::new(Kind::Damaged, message));
            }
            terms::check_record(record)
                .map_err(|why| CliError::new(Kind::Damaged, format!("record {}: {why}", record.position)))?;
        }
        Ok(())
    })?;
    invariant::ended_once(&reservations).map_err(broken)?;
    invariant::check_all(&replayed.state).map_err(broken)?;
    Ok(Verified {
        frames: replayed.frames,
        records,
        last_position: replayed.tip.position.0,
        signatures: checked,
        chain: HEXLOWER.encode(&replayed.tip.hash.0),
        digest: replayed.state.digest().to_string(),
    })
}

/// What sets quarks aside and what ends that: few and small records, which is why they are all kept until the end.
fn ends_a_reservation(event: &Event) -> bool {
    matches!(
        event.kind(),
        EventKind::IntentVerified
            | EventKind::IntentConfirmed
            | EventKind::IntentFailed
            | EventKind::RefundScheduled
            | EventKind::RefundConfirmed
            | EventKind::RefundFailed
            | EventKind::WithdrawalScheduled
            | EventKind::WithdrawalConfirmed
            | EventKind::WithdrawalFailed
    )
}

impl Verified {
    pub(crate) fn json(&self) -> serde_json::Value {
        let Self { frames, records, last_position, signatures, chain, digest } = self;
        serde_json::json!({
            "ok": true,
            "frames": frames,
            "records": records,
            "last_position": last_position,
            "signatures": signatures,
            "chain": chain,
            "digest": digest,
        })
    }

    pub(crate) fn text(&self) -> String {
        let Self { frames, records, signatures, chain, digest, .. } = self;
        format!(
            "ok: {records} records in {frames} frames, {signatures} signatures\n  chain  {chain}\n  digest {digest}"
        )
    }
}

/// A record for people.
pub(crate) fn line(record: &Record) -> String {
    let intent = record.subject.map(|subject| format!("  {}", subject.intent)).unwrap_or_default();
    format!(
        "{:>6}  {}  {:<38}{intent}",
        record.position,
        document::time(record.recorded_at),
        record.event.name()
    )
}

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Log(error) => error.into(),
            ReplayError::Illegal(_) | ReplayError::Broken { .. } => Self::new(Kind::Damaged, error),
        }
    }
}
