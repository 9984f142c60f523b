//! `quittance log`: what an auditor runs.

use std::path::Path;

use data_encoding::HEXLOWER;
use quittance_core::event::Record;
use quittance_core::ids::Position;
use quittance_http_api::document;
use quittance_log_sled::SledLog;
use quittance_runtime::log::EventLog;
use quittance_runtime::{Audit, AuditError, ReplayError, Signatures, audit, replay};

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
    Ok(SledLog::open(data, None)?)
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
    let how = if signatures { Signatures::on_all_cores() } else { Signatures::Skip };
    let audited = audit::<CliError>(&*log.reader(), how, |record| {
        if !signatures {
            return Ok(());
        }
        terms::check_record(record)
            .map_err(|why| CliError::new(Kind::Damaged, format!("record {}: {why}", record.position)))
    })?;
    let Audit { replay, records, signatures } = audited;
    Ok(Verified {
        frames: replay.frames,
        records,
        last_position: replay.tip.position.0,
        signatures,
        chain: HEXLOWER.encode(&replay.tip.hash.0),
        digest: replay.state.digest().to_string(),
    })
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

impl From<AuditError> for CliError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Replay(error) => error.into(),
            AuditError::Broken(_) | AuditError::Signature { .. } => Self::new(Kind::Damaged, error),
        }
    }
}
