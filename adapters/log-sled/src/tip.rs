//! The tip file: how far the log had been acknowledged, kept where a failure of sled cannot reach it.

use std::fs;
use std::io;
use std::path::Path;

use quittance_core::frame::Tip;
use quittance_core::ids::{ChainHash, NodeId, Position};
use quittance_runtime::log::LogError;

use crate::files;

/// Its name in the log's directory.
pub(crate) const NAME: &str = "tip";

const MAGIC: [u8; 4] = *b"QTIP";
const VERSION: u16 = 1;
/// magic, version, position, chain hash, epoch, node id; integers little endian.
const BODY_BYTES: usize = 4 + 2 + 8 + 32 + 8 + 32;
const CHECKSUM_BYTES: usize = 32;

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredTip {
    /// A frame ends here, and all up to it was durable. Position 0 only while nothing was ever acknowledged.
    pub(crate) tip: Tip,
    /// Whose log it is.
    pub(crate) node: NodeId,
}

impl StoredTip {
    /// Replaces the file in `dir`.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), LogError> {
        files::replace(dir, NAME, &self.encode())
    }

    /// The file in `dir`, if there is one.
    pub(crate) fn load(dir: &Path) -> Result<Option<Self>, LogError> {
        let path = dir.join(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(files::failed(&path)(error)),
        };
        let damaged =
            |why| LogError::Damaged { after: Position::START, why: format!("{}: {why}", path.display()) };
        Self::decode(&bytes).map(Some).map_err(damaged)
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BODY_BYTES + CHECKSUM_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.tip.position.0.to_le_bytes());
        bytes.extend_from_slice(&self.tip.hash.0);
        bytes.extend_from_slice(&self.tip.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.node.0);
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let expected = BODY_BYTES + CHECKSUM_BYTES;
        if bytes.len() != expected {
            return Err(format!("the tip file should have {expected} bytes, it has {}", bytes.len()));
        }
        let (body, stored) = bytes.split_at(BODY_BYTES);
        if checksum(body) != *stored {
            return Err("the tip file's bytes are not the ones that were written".to_owned());
        }
        let mut rest = body;
        let (magic, version) = (take::<4>(&mut rest), u16::from_le_bytes(take(&mut rest)));
        if magic != MAGIC || version != VERSION {
            return Err(format!("the tip file has version {version}; this program reads version {VERSION}"));
        }
        let position = Position(u64::from_le_bytes(take(&mut rest)));
        let hash = ChainHash(take(&mut rest));
        let epoch = u64::from_le_bytes(take(&mut rest));
        Ok(Self { tip: Tip { position, hash, epoch }, node: NodeId(take(&mut rest)) })
    }
}

/// The next bytes. Invariant: the length of the whole has been checked.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    rest.split_off(..N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    blake3::derive_key("quittance 2026-11 log tip v1", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tip_file_with_any_byte_changed_or_missing_is_never_believed() {
        let tip = Tip { position: Position(77), hash: ChainHash([5; 32]), epoch: 3 };
        let stored = StoredTip { tip, node: NodeId([9; 32]) };
        let bytes = stored.encode();
        assert_eq!(StoredTip::decode(&bytes), Ok(stored));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(StoredTip::decode(&changed).is_err(), "bit {bit} of byte {at}");
            }
            assert!(StoredTip::decode(&bytes[..at]).is_err(), "cut to {at} bytes");
        }
        assert!(StoredTip::decode(&[&bytes[..], &[0]].concat()).is_err(), "one byte more");
    }
}
