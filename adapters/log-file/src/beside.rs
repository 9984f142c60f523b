use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use quittance_core::ids::NodeId;
use quittance_runtime::table::{Entry, MAX_KEY_BYTES, MAX_VALUE_BYTES, check_entry};

use crate::error::{FileError, failed};
use crate::files;

/// The file in a backup's directory.
pub(crate) const NAME: &str = "beside";
const MAGIC: [u8; 8] = *b"QUITTTAB";
const VERSION: u16 = 1;
/// In place of a key's length behind the last entry.
const END: u16 = 0;
const CONTEXT: &str = "quittance 2026-11 entries beside the log v1";

/// What a backup keeps beside the log: entries of a node's tables that others rely on. Written anew by each run, whole or not at
/// all.
#[derive(Debug)]
pub struct BesideWriter {
    dir: PathBuf,
    unfinished: PathBuf,
    output: Hashed<BufWriter<File>>,
    count: u64,
}

impl BesideWriter {
    pub(crate) fn begin(dir: &Path, node: NodeId) -> Result<Self, FileError> {
        let unfinished = dir.join(format!("{NAME}.new"));
        let file = File::create(&unfinished).map_err(failed(&unfinished))?;
        let output = Hashed::new(BufWriter::new(file));
        let mut writer = Self { dir: dir.to_owned(), unfinished, output, count: 0 };
        writer.write(&MAGIC)?;
        writer.write(&VERSION.to_le_bytes())?;
        writer.write(&node.0)?;
        Ok(writer)
    }

    /// Takes an entry.
    ///
    /// # Errors
    /// The key is empty, key or value are longer than a table's, or it cannot be written.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), FileError> {
        let refused = |why: String| self.unsound(why);
        check_entry(key, value).map_err(|error| refused(error.to_string()))?;
        let (Ok(key_bytes @ 1..), Ok(value_bytes)) = (u16::try_from(key.len()), u32::try_from(value.len()))
        else {
            return Err(refused("an entry has no key".to_owned()));
        };
        self.write(&key_bytes.to_le_bytes())?;
        self.write(&value_bytes.to_le_bytes())?;
        self.write(key)?;
        self.write(value)?;
        self.count += 1;
        Ok(())
    }

    /// Takes the place of the file of the run before. How many entries it has.
    ///
    /// # Errors
    /// It cannot be written.
    ///
    /// # Durability
    /// When this returns, all of them survive a power cut; until then, those of the run before do.
    pub fn finish(mut self) -> Result<u64, FileError> {
        self.write(&END.to_le_bytes())?;
        self.write(&self.count.to_le_bytes())?;
        let checksum = self.output.checksum();
        self.write(&checksum)?;
        self.output.inner.flush().map_err(failed(&self.unfinished))?;
        files::rename(&self.unfinished, &self.dir.join(NAME))?;
        Ok(self.count)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.output.write_all(bytes).map_err(failed(&self.unfinished))
    }

    fn unsound(&self, why: String) -> FileError {
        FileError::Unsound { path: self.unfinished.display().to_string(), why }
    }
}

/// Checks the whole file, then gives `visit` each entry, in order. How many there are; `None` for a backup that was made without.
pub(crate) fn visit<E: From<FileError>>(
    dir: &Path,
    node: NodeId,
    mut visit: impl FnMut(&Entry) -> Result<(), E>,
) -> Result<Option<u64>, E> {
    let path = dir.join(NAME);
    if !path.exists() {
        return Ok(None);
    }
    let mut checked = Reader::open(&path, node)?;
    while checked.next()?.is_some() {}
    let mut entries = Reader::open(&path, node)?;
    while let Some(entry) = entries.next()? {
        visit(&entry)?;
    }
    Ok(Some(entries.count))
}

struct Reader {
    path: PathBuf,
    input: Hashed<BufReader<File>>,
    count: u64,
}

impl Reader {
    fn open(path: &Path, node: NodeId) -> Result<Self, FileError> {
        let file = File::open(path).map_err(failed(path))?;
        let input = Hashed::new(BufReader::new(file));
        let mut reader = Self { path: path.to_owned(), input, count: 0 };
        if reader.take::<8>()? != MAGIC {
            return Err(reader.unsound("it does not begin as such a file does"));
        }
        let version = u16::from_le_bytes(reader.take()?);
        if version != VERSION {
            let why = format!("it has version {version}; this program reads version {VERSION}");
            return Err(reader.unsound(&why));
        }
        let found = NodeId(reader.take()?);
        if found != node {
            let path = path.display().to_string();
            return Err(FileError::OtherNode { path, expected: node, found });
        }
        Ok(reader)
    }

    fn next(&mut self) -> Result<Option<Entry>, FileError> {
        let key_bytes = u16::from_le_bytes(self.take()?);
        if key_bytes == END {
            return self.end().map(|()| None);
        }
        let value_bytes = u32::from_le_bytes(self.take()?);
        let (key_bytes, value_bytes) = (usize::from(key_bytes), value_bytes as usize);
        if key_bytes > MAX_KEY_BYTES || value_bytes > MAX_VALUE_BYTES {
            return Err(self.unsound("an entry is larger than one can be"));
        }
        let (mut key, mut value) = (vec![0; key_bytes], vec![0; value_bytes]);
        self.fill(&mut key)?;
        self.fill(&mut value)?;
        self.count += 1;
        Ok(Some(Entry { key, value }))
    }

    fn end(&mut self) -> Result<(), FileError> {
        let count = u64::from_le_bytes(self.take()?);
        let expected = self.input.checksum();
        let found = self.take::<32>()?;
        if count != self.count || found != expected {
            return Err(self.unsound("its bytes are not the ones that were written"));
        }
        match self.input.inner.read(&mut [0]).map_err(failed(&self.path))? {
            0 => Ok(()),
            _ => Err(self.unsound("something stands behind its end")),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), FileError> {
        match self.input.read_exact(bytes) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.unsound("its end is missing"))
            }
            Err(error) => Err(failed(&self.path)(error)),
        }
    }

    fn unsound(&self, why: &str) -> FileError {
        FileError::Unsound { path: self.path.display().to_string(), why: why.to_owned() }
    }
}

/// Reads or writes, and hashes what passed.
#[derive(Debug)]
struct Hashed<T> {
    inner: T,
    hasher: blake3::Hasher,
}

impl<T> Hashed<T> {
    fn new(inner: T) -> Self {
        Self { inner, hasher: blake3::Hasher::new_derive_key(CONTEXT) }
    }

    fn checksum(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}

impl<T: Write> Hashed<T> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.inner.write_all(bytes)
    }
}

impl<T: Read> Hashed<T> {
    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.hasher.update(bytes);
        Ok(())
    }
}
