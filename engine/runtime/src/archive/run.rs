use std::sync::Arc;

use quittance_core::ids::Position;

use super::filter::{Filter, Hashed};
use super::{ArchiveError, Name};
use crate::table::Table;

/// A name and the position kept under it.
pub(super) type Entry = (Name, Position);

const KEY_BYTES: usize = 33;
const ENTRY_BYTES: usize = KEY_BYTES + 8;
/// Entries in one block: 16 KiB, which is read and hashed in some 10 microseconds.
const BLOCK_ENTRIES: usize = 16 * 1024 / ENTRY_BYTES;
/// How much of a filter or of the list of blocks goes into one value.
const CHUNK_BYTES: usize = 48 * 1024;
const FENCE_BYTES: usize = KEY_BYTES + 32;

/// What tells a run from every other, and its content from anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunId {
    /// Counts up.
    pub(crate) number: u64,
    /// How often its entries were merged.
    pub(crate) level: u8,
    /// How many entries it has.
    pub(crate) entries: u64,
    /// The hash over its filter and the hashes of its blocks.
    pub(crate) root: [u8; 32],
}

/// Keys in order, each once, in blocks that are never changed. In memory are the filter, and each block's first key and hash.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    filter: Filter,
    fences: Vec<Fence>,
    table: Arc<dyn Table>,
}

#[derive(Clone, Copy, Debug)]
struct Fence {
    first: [u8; KEY_BYTES],
    hash: [u8; 32],
}

/// The parts of a run in the table.
#[derive(Clone, Copy)]
enum Part {
    Block = 1,
    Fences = 2,
    Filter = 3,
}

impl Run {
    /// Writes a run of `entries`, which come in order of key, each key once; at most `most` of them.
    pub(super) fn write(
        table: &Arc<dyn Table>,
        number: u64,
        level: u8,
        most: usize,
        entries: impl Iterator<Item = Result<Entry, ArchiveError>>,
    ) -> Result<Self, ArchiveError> {
        // Whatever an attempt that failed left under this number.
        Self::remove(&**table, number)?;
        table.put(&mark(number), &[])?;
        let mut filter = Filter::for_keys(most);
        let (mut fences, mut block) = (Vec::new(), Vec::with_capacity(BLOCK_ENTRIES * ENTRY_BYTES));
        let mut count = 0;
        let mut flush = |block: &mut Vec<u8>| -> Result<(), ArchiveError> {
            if let Some(first) = block.first_chunk::<KEY_BYTES>() {
                let fence = Fence { first: *first, hash: *blake3::hash(block).as_bytes() };
                table.put(&name(number, Part::Block, fences.len()), block)?;
                fences.push(fence);
                block.clear();
            }
            Ok(())
        };
        for entry in entries {
            let (name, position) = entry?;
            filter.insert((&name).into());
            block.extend_from_slice(&key_bytes(&name));
            block.extend_from_slice(&position.0.to_be_bytes());
            count += 1;
            if block.len() >= BLOCK_ENTRIES * ENTRY_BYTES {
                flush(&mut block)?;
            }
        }
        flush(&mut block)?;
        let listed: Vec<u8> =
            fences.iter().flat_map(|fence| [&fence.first[..], &fence.hash].concat()).collect();
        for (part, bytes) in [(Part::Fences, &listed), (Part::Filter, &filter.to_bytes())] {
            for (index, chunk) in bytes.chunks(CHUNK_BYTES).enumerate() {
                table.put(&name(number, part, index), chunk)?;
            }
        }
        let id = RunId { number, level, entries: count, root: root(&listed, &filter.to_bytes()) };
        Ok(Self { id, filter, fences, table: Arc::clone(table) })
    }

    /// Opens a run that was written. Its blocks are checked when they are read.
    pub(super) fn open(table: &Arc<dyn Table>, id: RunId) -> Result<Self, ArchiveError> {
        let damaged = || ArchiveError::Damaged { run: id.number };
        let (listed, filter) =
            (chunks(table, id.number, Part::Fences)?, chunks(table, id.number, Part::Filter)?);
        if root(&listed, &filter) != id.root {
            return Err(damaged());
        }
        let (fences, rest) = listed.as_chunks::<FENCE_BYTES>();
        let fence = |bytes: &[u8; FENCE_BYTES]| {
            let (first, hash) = bytes.split_first_chunk::<KEY_BYTES>()?;
            Some(Fence { first: *first, hash: hash.try_into().ok()? })
        };
        let fences = fences.iter().map(fence).collect::<Option<Vec<_>>>().filter(|_| rest.is_empty());
        let fences = fences.ok_or_else(damaged)?;
        let filter = Filter::from_bytes(&filter).ok_or_else(damaged)?;
        Ok(Self { id, filter, fences, table: Arc::clone(table) })
    }

    pub(super) fn may_contain(&self, name: Hashed) -> bool {
        self.filter.may_contain(name)
    }

    /// The position kept under a name.
    pub(super) fn find(&self, name: &Name) -> Result<Option<Position>, ArchiveError> {
        if !self.filter.may_contain(name.into()) {
            return Ok(None);
        }
        let wanted = key_bytes(name);
        let Some(at) = self.fences.partition_point(|fence| fence.first <= wanted).checked_sub(1) else {
            return Ok(None);
        };
        let block = self.block(at)?;
        let (entries, _) = block.as_chunks::<ENTRY_BYTES>();
        let found = entries.binary_search_by(|entry| entry[..KEY_BYTES].cmp(&wanted));
        Ok(found.ok().and_then(|at| entry(&entries[at])).map(|(_, position)| position))
    }

    /// Every entry, in order of key. Reads one block at a time.
    pub(super) fn entries(&self) -> impl Iterator<Item = Result<Entry, ArchiveError>> {
        let damaged = ArchiveError::Damaged { run: self.id.number };
        (0..self.fences.len()).flat_map(move |at| {
            let (read, damaged) = (self.block(at), damaged.clone());
            let (block, failed) = match read {
                Ok(block) => (block, None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            let entries: Vec<_> = block.as_chunks::<ENTRY_BYTES>().0.iter().map(entry).collect();
            failed
                .into_iter()
                .chain(entries.into_iter().map(move |entry| entry.ok_or_else(|| damaged.clone())))
        })
    }

    /// Removes everything of a run from the table.
    pub(super) fn remove(table: &dyn Table, number: u64) -> Result<(), ArchiveError> {
        let prefix = prefix(number);
        loop {
            let entries = table.scan(&prefix, 16)?;
            if entries.is_empty() {
                return Ok(table.delete(&mark(number))?);
            }
            for entry in entries {
                table.delete(&entry.key)?;
            }
        }
    }

    fn block(&self, at: usize) -> Result<Vec<u8>, ArchiveError> {
        let damaged = || ArchiveError::Damaged { run: self.id.number };
        let fence = self.fences.get(at).ok_or_else(damaged)?;
        let block = self.table.get(&name(self.id.number, Part::Block, at))?.ok_or_else(damaged)?;
        if *blake3::hash(&block).as_bytes() == fence.hash { Ok(block) } else { Err(damaged()) }
    }
}

/// The numbers of the runs that have anything in the table.
pub(super) fn numbers(table: &dyn Table) -> Result<Vec<u64>, ArchiveError> {
    let marks = table.scan(MARKS, MOST_RUNS)?;
    let number = |key: &[u8]| key.strip_prefix(MARKS)?.try_into().ok().map(u64::from_be_bytes);
    Ok(marks.iter().filter_map(|mark| number(&mark.key)).collect())
}

/// Far more runs than there ever are at once, with those that were given up.
const MOST_RUNS: usize = 100_000;
/// In front of the number of a run that has been begun.
const MARKS: &[u8] = b"begun/";
const PREFIX: &[u8] = b"run/";

fn prefix(number: u64) -> Vec<u8> {
    [PREFIX, &number.to_be_bytes()].concat()
}

fn mark(number: u64) -> Vec<u8> {
    [MARKS, &number.to_be_bytes()].concat()
}

fn name(number: u64, part: Part, index: usize) -> Vec<u8> {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    [&prefix(number)[..], &[part as u8], &index.to_be_bytes()].concat()
}

fn chunks(table: &Arc<dyn Table>, number: u64, part: Part) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    for index in 0.. {
        match table.get(&name(number, part, index))? {
            Some(chunk) => bytes.extend_from_slice(&chunk),
            None => break,
        }
    }
    Ok(bytes)
}

fn root(fences: &[u8], filter: &[u8]) -> [u8; 32] {
    let mut hash = blake3::Hasher::new_derive_key("quittance 2026-11 archive run v1");
    hash.update(&(fences.len() as u64).to_le_bytes());
    hash.update(fences);
    hash.update(filter);
    *hash.finalize().as_bytes()
}

fn key_bytes(name: &Name) -> [u8; KEY_BYTES] {
    let (tag, bytes) = name.parts();
    let mut whole = [tag; KEY_BYTES];
    whole[1..].copy_from_slice(&bytes);
    whole
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> Option<Entry> {
    let (key, position) = bytes.split_first_chunk::<KEY_BYTES>()?;
    let position = Position(u64::from_be_bytes(position.try_into().ok()?));
    let (tag, rest) = key.split_first()?;
    Some((Name::of(*tag, rest.try_into().ok()?)?, position))
}
