//! The bytes around the frames.

use quittance_core::digest::Digest;
use quittance_core::frame::Tip;
use quittance_core::ids::{ChainHash, NodeId, Position};
use quittance_core::state::State;

const MAGIC: [u8; 8] = *b"QUITTLOG";
const VERSION: u16 = 1;
/// magic, version, node id.
pub(crate) const HEADER_BYTES: usize = 8 + 2 + 32;

/// In front of every frame and of the trailer.
pub(crate) const LENGTH_BYTES: usize = 4;
/// What stands in place of a frame's length in front of the trailer.
pub(crate) const NO_FRAME: u32 = 0;
/// Behind its mark: position, chain hash, digest, digest of an empty state.
const TRAILER_BODY_BYTES: usize = 8 + 32 + 32 + 32;
const CHECKSUM_BYTES: usize = 32;
/// The trailer without its mark.
pub(crate) const TRAILER_BYTES: usize = TRAILER_BODY_BYTES + CHECKSUM_BYTES;

/// Where a log ends and what it folds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    position: Position,
    chain: ChainHash,
    digest: Digest,
    /// The digest of an empty state, by the program that wrote the trailer.
    empty: Digest,
}

impl Trailer {
    /// A log that ends at `tip` and folds to a state with this digest, as this program reckons it.
    #[must_use]
    pub fn new(tip: &Tip, digest: Digest) -> Self {
        Self { position: tip.position, chain: tip.hash, digest, empty: State::default().digest() }
    }

    /// The position of the last record.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The hash of the last frame.
    #[must_use]
    pub fn chain(&self) -> ChainHash {
        self.chain
    }

    /// The digest of the state, if it was reckoned as this program reckons.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        (self.empty == State::default().digest()).then_some(self.digest)
    }

    /// Whether the log ends at `tip`.
    #[must_use]
    pub fn is_at(&self, tip: &Tip) -> bool {
        (self.position, self.chain) == (tip.position, tip.hash)
    }

    /// With its mark.
    pub(crate) fn encode(&self, node: NodeId) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LENGTH_BYTES + TRAILER_BYTES);
        bytes.extend_from_slice(&NO_FRAME.to_le_bytes());
        bytes.extend_from_slice(&self.position.0.to_le_bytes());
        bytes.extend_from_slice(&self.chain.0);
        bytes.extend_from_slice(&self.digest.0);
        bytes.extend_from_slice(&self.empty.0);
        let checksum = checksum(node, &bytes);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    /// From the bytes behind its mark.
    pub(crate) fn decode(bytes: &[u8; TRAILER_BYTES], node: NodeId) -> Result<Self, String> {
        let (body, stored) = bytes.split_at(TRAILER_BODY_BYTES);
        let marked = [&NO_FRAME.to_le_bytes()[..], body].concat();
        if checksum(node, &marked) != *stored {
            return Err("the trailer's bytes are not the ones that were written".to_owned());
        }
        let mut rest = body;
        Ok(Self {
            position: Position(u64::from_le_bytes(take(&mut rest))),
            chain: ChainHash(take(&mut rest)),
            digest: Digest(take(&mut rest)),
            empty: Digest(take(&mut rest)),
        })
    }
}

pub(crate) fn header(node: NodeId) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes[10..].copy_from_slice(&node.0);
    bytes
}

/// Whose log it is.
pub(crate) fn node(header: &[u8; HEADER_BYTES]) -> Result<NodeId, String> {
    let mut rest = &header[..];
    if take::<8>(&mut rest) != MAGIC {
        return Err("it does not begin as a log of Quittance does".to_owned());
    }
    let version = u16::from_le_bytes(take(&mut rest));
    if version != VERSION {
        return Err(format!("it has version {version}; this program reads version {VERSION}"));
    }
    Ok(NodeId(take(&mut rest)))
}

/// The next bytes. Invariant: the length of the whole has been checked.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    rest.split_off(..N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
}

fn checksum(node: NodeId, trailer: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key("quittance 2026-11 portable log trailer v1");
    hasher.update(&header(node));
    hasher.update(trailer);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// Lost if this fails: the files that people keep for the worst day cannot be read any more.
    #[test]
    fn a_header_and_a_trailer_are_the_bytes_they_have_always_been() {
        let node = NodeId([7; 32]);
        let trailer = Trailer {
            position: Position(0x0102_0304),
            chain: ChainHash([1; 32]),
            digest: Digest([2; 32]),
            empty: Digest([3; 32]),
        };
        let (header, bytes) = (header(node), trailer.encode(node));
        let golden = format!("51554954544c4f470100{}", "07".repeat(32));
        assert_eq!(HEXLOWER.encode(&header), golden);
        let fields =
            format!("000000000403020100000000{}{}{}", "01".repeat(32), "02".repeat(32), "03".repeat(32));
        let checksum = "20f2a1322de91aa352e56b6e5d23e7a88fb36c15f5e6164cb9fa1251dbf70ee1";
        assert_eq!(HEXLOWER.encode(&bytes), format!("{fields}{checksum}"));
        let body = bytes[LENGTH_BYTES..].try_into().unwrap();
        assert_eq!((super::node(&header), Trailer::decode(body, node)), (Ok(node), Ok(trailer)));
        assert!(
            Trailer::decode(body, NodeId([8; 32])).is_err(),
            "a trailer of another node's log is believed"
        );
    }

    /// Lost if this fails: a new version of the program refuses every file of the one before.
    #[test]
    fn digests_of_another_reckoning_are_not_compared() {
        let here = Trailer::new(&Tip::EMPTY, Digest([2; 32]));
        assert_eq!(here.digest(), Some(Digest([2; 32])));
        assert_eq!(Trailer { empty: Digest([3; 32]), ..here }.digest(), None);
    }
}
