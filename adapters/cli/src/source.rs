//! Where a backup or an export comes from: the node that runs, or the log of one that does not.

use std::path::Path;

use quittance_core::ids::{NodeId, Position};
use quittance_log_sled::SledLog;
use quittance_runtime::log::{EventLog, FrameBytes, LogError};

use crate::error::{CliError, Kind};
use crate::log;
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
