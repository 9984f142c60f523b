//! The bytes that floors write: frames of real records.

use quittance_core::command::{Request, SettlementOutcome};
use quittance_core::event::{Event, Record, Transaction};
use quittance_core::frame::{EncodedFrame, FrameBuilder, Tip, decode};
use quittance_core::ids::{AttemptNumber, CausationId, Position};
use quittance_core::machine::{Core, Effects, Input};
use quittance_core::rejection::Rejection;
use quittance_runtime::log::LogReader;
use quittance_runtime::{Clock, SystemClock};

use crate::error::BenchError;
use crate::world;

/// A frame as a store keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) key: [u8; 8],
    pub(crate) bytes: Vec<u8>,
}

/// Frames that share a sync.
#[derive(Clone, Debug)]
pub(crate) struct FrameGroup {
    pub(crate) records: u64,
    pub(crate) pieces: Vec<Piece>,
}

/// Groups in the order of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups(Vec<FrameGroup>);

impl Groups {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &FrameGroup> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn records(&self) -> u64 {
        self.0.iter().map(|group| group.records).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().flat_map(|group| &group.pieces).map(|piece| piece.bytes.len() as u64).sum()
    }

    /// The frames that a log has behind `after`, in the groups that end at these positions.
    pub(crate) fn of_log(
        reader: &dyn LogReader,
        after: Position,
        ends: &[Position],
    ) -> Result<Self, BenchError> {
        let mut groups = Vec::with_capacity(ends.len());
        let mut frames = reader.frames(after.next());
        for end in ends {
            let mut group = FrameGroup { records: 0, pieces: Vec::new() };
            loop {
                let bytes = frames.next().ok_or_else(|| missing(*end))??;
                let frame = decode(&bytes).map_err(|error| BenchError::Wrong(error.to_string()))?;
                let (Some(first), Some(last)) = (frame.records.first(), frame.records.last()) else {
                    return Err(missing(*end));
                };
                group.records += frame.records.len() as u64;
                group.pieces.push(Piece { key: first.position.0.to_be_bytes(), bytes });
                if last.position == *end {
                    break;
                }
                if last.position > *end {
                    return Err(missing(*end));
                }
            }
            groups.push(group);
        }
        Ok(Self(groups))
    }

    /// The groups as a store takes them.
    pub(crate) fn of_frames(groups: &[(u64, Vec<EncodedFrame>)]) -> Self {
        let piece =
            |frame: &EncodedFrame| Piece { key: frame.first.0.to_be_bytes(), bytes: frame.bytes.clone() };
        let group = |(records, frames): &(u64, Vec<EncodedFrame>)| FrameGroup {
            records: *records,
            pieces: frames.iter().map(piece).collect(),
        };
        Self(groups.iter().map(group).collect())
    }
}

fn missing(position: Position) -> BenchError {
    BenchError::Wrong(format!(
        "no frame of the log ends at position {position}, where a commit did; this is a bug"
    ))
}

/// The records that the core makes of whole lives.
pub(crate) fn records_of(requests: Vec<Request>) -> Result<Vec<Record>, BenchError> {
    let (mut core, mut effects) = (Core::default(), Effects::default());
    let begin = Request::Initialize { node: world::NODE, policy: world::policy() };
    for request in std::iter::once(begin).chain(world::funds()).chain(requests) {
        step(&mut core, request, &mut effects)?;
    }
    let reports: Vec<_> = effects.records.iter().flat_map(settled).collect();
    for report in reports {
        step(&mut core, report, &mut effects)?;
    }
    Ok(effects.records)
}

/// A rail's reports that everything a record orders is settled.
pub(crate) fn settled(record: &Record) -> Vec<Request> {
    let (Event::IntentScheduled { transactions }, Some(subject)) = (&record.event, record.subject) else {
        return Vec::new();
    };
    let report = |ordered: &Transaction| Request::ReportSettlement {
        intent: subject.intent,
        transaction: ordered.id,
        attempt: AttemptNumber::FIRST,
        outcome: SettlementOutcome::Settled,
        expected: None,
    };
    transactions.iter().map(report).collect()
}

/// Frames of groups of so many records, chained from the beginning of a log.
pub(crate) fn framed(records: &[Record], size: usize) -> Vec<(u64, Vec<EncodedFrame>)> {
    let mut tip = Tip::EMPTY;
    let group = |records: &[Record]| {
        let mut builder = FrameBuilder::new(tip, 1);
        records.iter().for_each(|record| builder.push(std::slice::from_ref(record)));
        let (frames, behind) = builder.finish();
        tip = behind;
        (records.len() as u64, frames)
    };
    records.chunks(size.max(1)).map(group).collect()
}

fn step(core: &mut Core, request: Request, effects: &mut Effects) -> Result<(), BenchError> {
    let command = request.verify().map_err(rejected)?;
    let causation = CausationId(effects.records.len() as u128 + 1);
    core.handle(SystemClock.now(), causation, Input::Command(command), effects)
        .map_err(|illegal| BenchError::Wrong(format!("this is a bug: {illegal}")))?;
    match effects.answer.take() {
        Some(Err(rejection)) => Err(rejected(rejection)),
        _ => Ok(()),
    }
}

fn rejected(rejection: Rejection) -> BenchError {
    BenchError::Engine(rejection.into())
}
