//! Where a backup or an export comes from: the node that runs, or the log of one that does not.

use std::path::Path;

use quittance_code_api::server::LINKS;
use quittance_core::ids::{NodeId, Position};
use quittance_log_sled::SledLog;
use quittance_runtime::log::{EventLog, FrameBytes, LogError};
use quittance_runtime::table::{Entry, Table as _};

use crate::error::{CliError, Kind};
use crate::log;
use crate::node::TABLE;
#[cfg(unix)]
use crate::operator;

/// A log that can be copied.
#[derive(Debug)]
pub(crate) enum Source {
    /// The node gives what is durable.
    #[cfg(unix)]
    Running(operator::Answer),
    /// No node has the log open.
    Stopped { log: SledLog, from: Position },
}

impl Source {
    /// Finds the log in `data`, to be read from the frame on that holds `from`.
    ///
    /// # Errors
    /// There is none, or a node has it open that does not answer.
    pub(crate) fn open(data: &Path, from: Position) -> Result<Self, CliError> {
        #[cfg(unix)]
        if let Some(answer) = operator::ask(data, from)? {
            return Ok(Self::Running(answer));
        }
        log::must_be_in(data)?;
        match SledLog::open(data, None) {
            Err(LogError::InUse { path }) => Err(unheard(&path)),
            opened => Ok(Self::Stopped { log: opened?, from }),
        }
    }

    /// Whose log it is.
    pub(crate) fn node(&self) -> NodeId {
        match self {
            #[cfg(unix)]
            Self::Running(answer) => answer.node(),
            Self::Stopped { log, .. } => log.node(),
        }
    }

    /// The position that it ends at.
    pub(crate) fn end(&self) -> Position {
        match self {
            #[cfg(unix)]
            Self::Running(answer) => answer.durable(),
            Self::Stopped { log, .. } => log.tip().position,
        }
    }

    /// What stands beside it, of a log that was opened anew.
    ///
    /// # Errors
    /// It cannot be read, or the node falls silent.
    pub(crate) fn beside(
        data: &Path,
        mut visit: impl FnMut(&Entry) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        #[cfg(unix)]
        if let Some(entries) = operator::ask_beside(data)? {
            return entries.into_iter().try_for_each(|entry| visit(&entry?));
        }
        let log = match SledLog::open(data, None) {
            Err(LogError::InUse { path }) => return Err(unheard(&path)),
            opened => opened?,
        };
        let (table, mut from) = (log.table(TABLE), LINKS.to_vec());
        loop {
            let entries = table.scan_from(LINKS, &from, 64).map_err(CliError::failed)?;
            let Some(last) = entries.last() else { return Ok(()) };
            from = [&last.key[..], &[0]].concat();
            entries.iter().try_for_each(&mut visit)?;
        }
    }

    /// Its frames.
    pub(crate) fn frames(self) -> Box<dyn Iterator<Item = Result<Vec<u8>, CliError>>> {
        match self {
            #[cfg(unix)]
            Self::Running(answer) => Box::new(answer.frames()),
            Self::Stopped { log, from } => Box::new(Stopped { frames: log.reader().frames(from), _log: log }),
        }
    }
}

/// Somebody holds the log's lock and is silent.
fn unheard(data: &str) -> CliError {
    let message = format!("a node runs in {data}, but does not answer there");
    let hint = "the same command in a moment: it may still be starting. If it said at its start that it cannot be \
                backed up while it runs, stop it first";
    CliError::new(Kind::Unreachable, message).hint(hint)
}

struct Stopped {
    frames: FrameBytes,
    /// Closes the store that the frames are read from.
    _log: SledLog,
}

impl Iterator for Stopped {
    type Item = Result<Vec<u8>, CliError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.frames.next().map(|frame| frame.map_err(CliError::from))
    }
}
