//! The container of XLS files and of encrypted workbooks, read through `cfb`.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

pub(super) const SIGNATURE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// The streams that may contain a workbook: since Excel 97, and before.
const WORKBOOK: [&str; 2] = ["Workbook", "Book"];
/// Maximum length of an XLS workbook, which is kept in memory. Real files are far smaller.
const MOST_BYTES: u64 = 256 << 20;

pub(super) struct Container<R>(cfb::CompoundFile<ReadOnce<R>>);

impl<R: Read + Seek> Container<R> {
    /// Reads a container's tables and directory. Fails if they are damaged or the container is longer than
    /// [`MOST_BYTES`].
    pub(super) fn open(mut source: R) -> io::Result<Self> {
        let bytes = source.seek(SeekFrom::End(0))?;
        if bytes > MOST_BYTES {
            return Err(damaged("an OLE container that is longer than any workbook should be"));
        }
        Ok(Self(cfb::CompoundFile::open(ReadOnce { source, left: bytes })?))
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.0.is_stream("EncryptedPackage")
    }

    pub(super) fn has_workbook(&self) -> bool {
        WORKBOOK.iter().any(|name| self.0.is_stream(name))
    }

    /// The bytes of the workbook's stream; `None` if the container has none.
    pub(super) fn into_workbook(mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(name) = WORKBOOK.iter().find(|name| self.0.is_stream(name)) else { return Ok(None) };
        let mut bytes = Vec::new();
        self.0.open_stream(name)?.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

/// A source that fails after reading more bytes than its length.
///
/// No sector of a valid container is read twice. A damaged one can list a sector of its table repeatedly, and
/// `cfb` would build a table of gigabytes from it.
struct ReadOnce<R> {
    source: R,
    left: u64,
}

impl<R: Read> Read for ReadOnce<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| damaged("an OLE table that repeats itself"))?;
        Ok(read)
    }
}

impl<R: Seek> Seek for ReadOnce<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.source.seek(to)
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
