//! `quittance log`: what an auditor runs.

use std::path::Path;

use data_encoding::HEXLOWER;
use quittance_core::digest::Digest;
use quittance_core::event::Record;
use quittance_core::frame::Tip;
use quittance_core::ids::Position;
use quittance_core::state::State;
use quittance_http_api::document;
use quittance_log_sled::SledLog;
use quittance_runtime::log::{EventLog, LogError, LogReader};
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
    must_be_in(data)?;
    // What is torn or was put back at the log's end is told as a warning.
    crate::serve::log_to_stderr("warn");
    SledLog::open(data, None).map_err(|error| match &error {
        LogError::Store { path, .. } if path.starts_with("copying ") => CliError::from(error).hint(format!(
            "TMPDIR=DIR with room for a copy of the log, which is what is read (now {})",
            std::env::temp_dir().display()
        )),
        _ => error.into(),
    })
}

/// Refuses a directory where no node has ever been.
pub(crate) fn must_be_in(data: &Path) -> Result<(), CliError> {
    // Where a node has been there is its key; without both, the path is wrong rather than the log lost.
    if data.join("log").exists() || data.join(KEY_FILE).exists() {
        return Ok(());
    }
    Err(CliError::misuse(format!("{}: there is no log here", data.display()))
        .hint("the directory that was given to quittance serve --data"))
}

/// What a log that verifies amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) frames: u64,
    pub(crate) records: u64,
    pub(crate) tip: Tip,
    signatures: u64,
    pub(crate) digest: Digest,
}

/// Checks the log of a node that is not running, its signatures if asked.
///
/// # Errors
/// The first thing that does not hold.
pub(crate) fn verified(data: &Path, signatures: bool) -> Result<Verified, CliError> {
    check(&*open(data)?.reader(), signatures, |_, _| Ok(()))
}

/// Checks a whole log: every frame, link and record, every signature if asked, and what must hold of the state it folds to.
/// `watch` sees each record and the state before it.
///
/// # Errors
/// The first thing that does not hold, or what `watch` says.
pub(crate) fn check(
    log: &dyn LogReader,
    signatures: bool,
    mut watch: impl FnMut(&State, &Record) -> Result<(), CliError>,
) -> Result<Verified, CliError> {
    let how = if signatures { Signatures::on_all_cores() } else { Signatures::Skip };
    let audited = audit::<CliError>(log, how, |state, record| {
        watch(state, record)?;
        if !signatures {
            return Ok(());
        }
        terms::check_record(record)
            .map_err(|why| CliError::new(Kind::Damaged, format!("record {}: {why}", record.position)))
    })?;
    let Audit { replay, records, signatures } = audited;
    let (frames, tip, digest) = (replay.frames, replay.tip, replay.state.digest());
    Ok(Verified { frames, records, tip, signatures, digest })
}

impl Verified {
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut json = self.summary();
        json["signatures"] = self.signatures.into();
        json
    }

    pub(crate) fn text(&self) -> String {
        let Self { frames, records, signatures, .. } = self;
        format!("ok: {records} records in {frames} frames, {signatures} signatures\n{}", self.sums())
    }

    /// The same without a word on signatures, which were not asked for.
    pub(crate) fn summary(&self) -> serde_json::Value {
        let Self { frames, records, tip, digest, .. } = self;
        serde_json::json!({
            "ok": true,
            "frames": frames,
            "records": records,
            "last_position": tip.position.0,
            "chain": HEXLOWER.encode(&tip.hash.0),
            "digest": digest.to_string(),
        })
    }

    /// What to compare with another log by.
    pub(crate) fn sums(&self) -> String {
        format!("  chain  {}\n  digest {}", HEXLOWER.encode(&self.tip.hash.0), self.digest)
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
            ReplayError::Recall(error) => Self::failed(error),
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
