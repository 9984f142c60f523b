//! Snapshots in a table: a state, where in the log it was, and the runs of the archive that go with it.

use quittance_core::digest::Digest;
use quittance_core::frame::Tip;
use quittance_core::ids::{ChainHash, NodeId, Position};
use quittance_core::record::DecodeError;
use quittance_core::snapshot::{self, Loader};
use quittance_core::state::State;

use crate::archive::RunId;
use crate::table::{Table, TableError};

/// How much of a state goes into one value.
const CHUNK_BYTES: usize = 48 * 1024;
const MANIFEST: &[u8] = b"snapshot";
const CHUNKS: &[u8] = b"state/";
const VERSION: u16 = 1;

/// What says which snapshot counts. Replaced whole, once everything that it names is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Counts up; its parity tells its chunks from those of the one before.
    pub(crate) number: u64,
    /// The end of the log that it is the state of: a frame ends there.
    pub(crate) tip: Tip,
    pub(crate) node: NodeId,
    pub(crate) digest: Digest,
    pub(crate) chunks: u32,
    /// The hash over all chunks.
    pub(crate) hash: [u8; 32],
    /// The archive's runs, the oldest first.
    pub(crate) runs: Vec<RunId>,
}

/// Why a snapshot is not used. The log has everything, so none of these loses anything but time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("its bytes are not the ones that were written")]
    Damaged,
    #[error("it has version {0}; this program uses version {VERSION}")]
    Version(u16),
    #[error("it is not a state: {0}")]
    Decode(#[from] DecodeError),
    #[error("its state has digest {found}, it was kept with {expected}")]
    Digest { expected: Digest, found: Digest },
}

/// Writes a snapshot of a frozen state; it counts, and survives a power cut, when this returns.
pub(super) fn save(
    table: &dyn Table,
    number: u64,
    tip: Tip,
    state: &State,
    runs: Vec<RunId>,
) -> Result<Manifest, SnapshotError> {
    // What a save that was cut short left behind, or the snapshot before the last one.
    remove_chunks(table, parity(number))?;
    let mut hash = hasher();
    let (mut chunk, mut chunks) = (Vec::with_capacity(CHUNK_BYTES), 0);
    let mut flush = |chunk: &mut Vec<u8>| -> Result<(), TableError> {
        hash.update(chunk);
        table.put(&name(number, chunks), chunk)?;
        chunks += 1;
        chunk.clear();
        Ok(())
    };
    for item in snapshot::items(state) {
        let length = u32::try_from(item.len()).unwrap_or(u32::MAX).to_le_bytes();
        for mut part in [&length[..], &item] {
            while !part.is_empty() {
                let room = (CHUNK_BYTES - chunk.len()).min(part.len());
                let (now, later) = part.split_at(room);
                chunk.extend_from_slice(now);
                part = later;
                if chunk.len() == CHUNK_BYTES {
                    flush(&mut chunk)?;
                }
            }
        }
    }
    flush(&mut chunk)?;
    let node = state.node().unwrap_or(NodeId([0; 32]));
    let hash = *hash.finalize().as_bytes();
    let manifest = Manifest { number, tip, node, digest: state.digest(), chunks, hash, runs };
    // Read back before it counts: what cannot be read must not take the place of what can.
    check_chunks(table, &manifest)?;
    table.sync()?;
    table.put(MANIFEST, &manifest.encode())?;
    table.sync()?;
    // It counts already, whatever becomes of the one before.
    if let Err(error) = remove_chunks(table, 1 - parity(number)) {
        tracing::warn!(%error, "the snapshot before was not removed");
    }
    Ok(manifest)
}

/// The snapshot that counts, if there is one.
pub(crate) fn load(table: &dyn Table) -> Result<Option<(Manifest, State)>, SnapshotError> {
    let Some(bytes) = table.get(MANIFEST)? else { return Ok(None) };
    let manifest = Manifest::decode(&bytes)?;
    let state = read(table, &manifest)?;
    Ok(Some((manifest, state)))
}

/// Removes whatever there is of any snapshot.
pub(crate) fn clear(table: &dyn Table) -> Result<(), TableError> {
    table.delete(MANIFEST)?;
    // Durably first: it must not come back and name what is gone.
    table.sync()?;
    remove_chunks(table, 0)?;
    remove_chunks(table, 1)
}

/// Whether every chunk is what was written. Not decoded: that would take the memory of a second state.
fn check_chunks(table: &dyn Table, manifest: &Manifest) -> Result<(), SnapshotError> {
    let mut hash = hasher();
    for index in 0..manifest.chunks {
        hash.update(&table.get(&name(manifest.number, index))?.ok_or(SnapshotError::Damaged)?);
    }
    if *hash.finalize().as_bytes() == manifest.hash { Ok(()) } else { Err(SnapshotError::Damaged) }
}

fn read(table: &dyn Table, manifest: &Manifest) -> Result<State, SnapshotError> {
    let (mut hash, mut loader, mut bytes) = (hasher(), Loader::default(), Vec::new());
    for index in 0..manifest.chunks {
        let chunk = table.get(&name(manifest.number, index))?.ok_or(SnapshotError::Damaged)?;
        hash.update(&chunk);
        bytes.extend_from_slice(&chunk);
        let mut taken = 0;
        while let Some((length, rest)) = bytes[taken..].split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let Some(item) = rest.get(..length) else { break };
            loader.item(item)?;
            taken += 4 + length;
        }
        bytes.drain(..taken);
    }
    if !bytes.is_empty() || *hash.finalize().as_bytes() != manifest.hash {
        return Err(SnapshotError::Damaged);
    }
    let state = loader.finish()?;
    let (expected, found) = (manifest.digest, state.digest());
    if expected != found {
        return Err(SnapshotError::Digest { expected, found });
    }
    if state.position() != manifest.tip.position || state.node() != Some(manifest.node) {
        return Err(SnapshotError::Damaged);
    }
    Ok(state)
}

fn remove_chunks(table: &dyn Table, parity: u8) -> Result<(), TableError> {
    let prefix = [CHUNKS, &[parity]].concat();
    loop {
        let entries = table.scan(&prefix, 16)?;
        if entries.is_empty() {
            return Ok(());
        }
        for entry in entries {
            table.delete(&entry.key)?;
        }
    }
}

fn parity(number: u64) -> u8 {
    u8::from(number % 2 == 1)
}

fn name(number: u64, index: u32) -> Vec<u8> {
    [CHUNKS, &[parity(number)], &index.to_be_bytes()].concat()
}

fn hasher() -> blake3::Hasher {
    blake3::Hasher::new_derive_key("quittance 2026-11 snapshot v1")
}

impl Manifest {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.tip.position.0.to_le_bytes());
        bytes.extend_from_slice(&self.tip.hash.0);
        bytes.extend_from_slice(&self.tip.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.node.0);
        bytes.extend_from_slice(&self.digest.0);
        bytes.extend_from_slice(&self.chunks.to_le_bytes());
        bytes.extend_from_slice(&self.hash);
        for run in &self.runs {
            bytes.extend_from_slice(&run.number.to_le_bytes());
            bytes.push(run.level);
            bytes.extend_from_slice(&run.entries.to_le_bytes());
            bytes.extend_from_slice(&run.root);
        }
        let checksum = blake3::hash(&bytes);
        bytes.extend_from_slice(checksum.as_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let version = bytes.first_chunk::<2>().map(|version| u16::from_le_bytes(*version));
        match version {
            Some(VERSION) => {}
            Some(other) => return Err(SnapshotError::Version(other)),
            None => return Err(SnapshotError::Damaged),
        }
        let (body, checksum) = bytes.split_last_chunk::<32>().ok_or(SnapshotError::Damaged)?;
        if blake3::hash(body).as_bytes() != checksum {
            return Err(SnapshotError::Damaged);
        }
        let mut rest = body.get(2..).unwrap_or_default();
        let manifest = Self::fields(&mut rest).filter(|_| rest.is_empty());
        manifest.ok_or(SnapshotError::Damaged)
    }

    fn fields(rest: &mut &[u8]) -> Option<Self> {
        let number = u64::from_le_bytes(take(rest)?);
        let position = Position(u64::from_le_bytes(take(rest)?));
        let hash = ChainHash(take(rest)?);
        let epoch = u64::from_le_bytes(take(rest)?);
        let mut manifest = Self {
            number,
            tip: Tip { position, hash, epoch },
            node: NodeId(take(rest)?),
            digest: Digest(take(rest)?),
            chunks: u32::from_le_bytes(take(rest)?),
            hash: take(rest)?,
            runs: Vec::new(),
        };
        while !rest.is_empty() {
            manifest.runs.push(RunId {
                number: u64::from_le_bytes(take(rest)?),
                level: take::<1>(rest)?[0],
                entries: u64::from_le_bytes(take(rest)?),
                root: take(rest)?,
            });
        }
        Some(manifest)
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    rest.split_off(..N)?.try_into().ok()
}
