//! A small log, as its frames.

use quittance_core::event::{Event, Record};
use quittance_core::frame::{EncodedFrame, FrameBuilder, Tip};
use quittance_core::ids::{AccountId, NodeId, Position};
use quittance_core::policy::Policy;
use quittance_log_file::Trailer;
use quittance_runtime::log::contract::{sample_frames, sample_record};
use quittance_runtime::log::{LogError, LogReader};

pub(crate) const NODE: NodeId = NodeId([7; 32]);

/// `frames` frames of two records each, of which the first begins the log of `node`.
pub(crate) fn frames(node: NodeId, frames: u64) -> Vec<EncodedFrame> {
    let begin = Record {
        event: Event::NodeInitialized { node, policy: Policy::standard(AccountId(node.0)).into() },
        ..sample_record(Position(1))
    };
    let mut builder = FrameBuilder::new(Tip::EMPTY, 1);
    builder.push(&[begin, sample_record(Position(2))]);
    let (mut all, mut tip) = builder.finish();
    for _ in 1..frames {
        let (more, end) = sample_frames(tip, 1, 2);
        all.extend(more);
        tip = end;
    }
    all
}

pub(crate) fn tip(frames: &[EncodedFrame]) -> Tip {
    frames.last().map_or(Tip::EMPTY, |last| Tip { position: last.last, hash: last.hash, epoch: last.epoch })
}

/// The digest stands for any: nothing here replays.
pub(crate) fn trailer(tip: &Tip) -> Trailer {
    Trailer::new(tip, quittance_core::digest::Digest([9; 32]))
}

/// The bytes of all frames, or the error behind them.
pub(crate) fn read(log: &dyn LogReader) -> Result<Vec<Vec<u8>>, LogError> {
    log.frames(Position(1)).collect()
}
