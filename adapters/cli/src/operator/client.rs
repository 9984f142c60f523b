use std::io::{self, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use quittance_core::frame::MAX_FRAME_BYTES;
use quittance_core::ids::{NodeId, Position};
use quittance_runtime::table::Entry;
use serde_json::Value;

use super::{END, FAILED, GRANTED, MAX_WORDS_BYTES, Question, REFUSED, is_too_long};
use crate::error::{CliError, Kind};

/// How long a node may say nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running node that has begun to answer.
#[derive(Debug)]
pub(crate) struct Answer {
    node: NodeId,
    durable: Position,
    frames: Frames,
}

/// Asks the node that runs in `data` for its frames from the one that holds `from`; `None` if no node answers there.
///
/// # Errors
/// The node refuses or falls silent.
pub(crate) fn ask(data: &Path, from: Position) -> Result<Option<Answer>, CliError> {
    question(data, Question::Frames(from))
}

/// Asks the node that runs in `data` for what stands beside its log; `None` if no node answers there.
///
/// # Errors
/// The node refuses or falls silent.
pub(crate) fn ask_beside(
    data: &Path,
) -> Result<Option<impl Iterator<Item = Result<Entry, CliError>>>, CliError> {
    let answer = question(data, Question::Beside)?;
    Ok(answer.map(|answer| answer.frames().map(|entry| read_entry(&entry?))))
}

/// An entry of a table: the length of its key, the key, the value.
fn read_entry(bytes: &[u8]) -> Result<Entry, CliError> {
    let parts = bytes
        .split_first_chunk()
        .and_then(|(length, rest)| rest.split_at_checked(u16::from_le_bytes(*length).into()));
    let (key, value) = parts.ok_or_else(|| nonsense("an entry without a key"))?;
    Ok(Entry { key: key.to_vec(), value: value.to_vec() })
}

/// Asks the node that runs in `data` about webhooks: one JSON object each.
///
/// # Errors
/// No node answers there, or it refuses or falls silent.
pub(crate) fn ask_about_webhooks(data: &Path, what: Question) -> Result<Vec<Value>, CliError> {
    let answer = question(data, what)?.ok_or_else(|| {
        let message = format!("no node runs in {}", data.display());
        CliError::new(Kind::Unreachable, message).hint("quittance serve --data DIR, then the same command")
    })?;
    let read = |entry: Result<Vec<u8>, CliError>| {
        serde_json::from_slice(&entry?)
            .map_err(|error| nonsense(&format!("an entry that is no JSON: {error}")))
    };
    answer.frames().map(read).collect()
}

fn question(data: &Path, question: Question) -> Result<Option<Answer>, CliError> {
    let path = super::path(data);
    let mut stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        // A node that was killed leaves its socket behind.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        // Then the node could not open it either.
        Err(error) if is_too_long(&error) => return Ok(None),
        Err(error) => {
            let message = format!("{}: {error}", path.display());
            return Err(CliError::misuse(message).hint("as the user that the node runs as"));
        }
    };
    let sent = stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
        .and_then(|()| stream.write_all(&question.to_bytes()));
    let mut input = BufReader::new(stream);
    // A node that refuses does not wait for the request: its words matter more than that it could not be written.
    let answer = match (take::<1>(&mut input), sent) {
        (Ok([answer]), _) => answer,
        (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(silent(&error)),
    };
    match answer {
        GRANTED => {}
        REFUSED => {
            let why = words(&mut input)?;
            return Err(CliError::new(Kind::Unreachable, format!("the node does not answer: {why}")));
        }
        other => return Err(nonsense(&format!("an answer of kind {other}"))),
    }
    let node = NodeId(take(&mut input).map_err(|error| silent(&error))?);
    let durable = Position(u64::from_le_bytes(take(&mut input).map_err(|error| silent(&error))?));
    Ok(Some(Answer { node, durable, frames: Frames { input, ended: false } }))
}

impl Answer {
    /// Whose log it is.
    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    /// The position that the frames end at.
    pub(crate) fn durable(&self) -> Position {
        self.durable
    }

    /// The frames as they are stored; nothing of them is checked yet.
    pub(crate) fn frames(self) -> impl Iterator<Item = Result<Vec<u8>, CliError>> {
        self.frames
    }
}

#[derive(Debug)]
struct Frames {
    input: BufReader<UnixStream>,
    ended: bool,
}

impl Frames {
    fn fetch(&mut self) -> Result<Option<Vec<u8>>, CliError> {
        if self.ended {
            return Ok(None);
        }
        self.ended = true;
        match u32::from_le_bytes(take(&mut self.input).map_err(|error| silent(&error))?) {
            END => Ok(None),
            FAILED => {
                let why = words(&mut self.input)?;
                Err(CliError::new(Kind::Damaged, format!("the node cannot read its log: {why}")))
            }
            length if length as usize > MAX_FRAME_BYTES => {
                Err(nonsense(&format!("a frame of {length} bytes")))
            }
            length => {
                let mut bytes = vec![0; length as usize];
                self.input.read_exact(&mut bytes).map_err(|error| silent(&error))?;
                self.ended = false;
                Ok(Some(bytes))
            }
        }
    }
}

impl Iterator for Frames {
    type Item = Result<Vec<u8>, CliError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.fetch().transpose()
    }
}

fn take<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes).map(|()| bytes)
}

fn words(input: &mut impl Read) -> Result<String, CliError> {
    let length = usize::from(u16::from_le_bytes(take(input).map_err(|error| silent(&error))?));
    let mut bytes = vec![0; length.min(MAX_WORDS_BYTES)];
    input.read_exact(&mut bytes).map_err(|error| silent(&error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn silent(error: &io::Error) -> CliError {
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it has closed the connection".to_owned(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("nothing came for {} seconds", PATIENCE.as_secs())
        }
        _ => error.to_string(),
    };
    CliError::new(Kind::Unreachable, format!("the node stopped answering: {why}"))
        .hint("the same command once the node runs again, or has stopped")
}

fn nonsense(what: &str) -> CliError {
    CliError::failed(format!("the node answered with {what}; is it another version of the program?"))
}
