//! Opens the input: a file, which is read once, or standard input.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::error::Error;
use super::lookups;
use super::source::Source;
use crate::api::{Api, RequestTemplate};
use crate::input::{Format, InputError, Options, ReaderConfig, Rows, TextError, unpack_to};
use crate::reading::{self, Proposal};
use crate::runtime::platform::file_identity;
use crate::settings::Settings;

/// Creates the reader configuration for notes to `target`, with the bytes for the marker reserved and the lookup table
/// loaded. Also returns the hash of the table.
pub(super) fn reader_config(
    options: &Options,
    settings: &Settings,
    target: &Arc<dyn Api>,
) -> Result<(ReaderConfig, Option<String>), Error> {
    let marker_bytes = if settings.marker { RequestTemplate::MARKER_BYTES as u32 } else { 0 };
    let mut fingerprint = None;
    let reader_config = ReaderConfig::new(options.clone(), Arc::clone(target)).with_table(|spec| {
        let (table, read) = lookups::load(spec, target)?;
        fingerprint = Some(read);
        Ok::<_, Error>(table)
    })?;
    Ok((reader_config.reserving(marker_bytes), fingerprint))
}

/// Proposes options for the input at `path`, for notes to `target`. Values in `options` are kept. Nothing is written.
///
/// # Errors
///
/// If the input cannot be opened, or no proposal is possible. `options` then contain the values found so far.
pub fn propose(path: &Path, options: &mut Options, target: &Arc<dyn Api>) -> Result<Proposal, Error> {
    let reader_config = |options: Options| ReaderConfig::new(options, Arc::clone(target));
    let file = Input::open_file(path, reader_config(options.clone()))?;
    let by = |options: &Options| file.by(reader_config(options.clone())).rows();
    reading::propose(options, &mut { by })
        .map_err(|source| Error::Input { name: path.display().to_string(), source: Box::new(source) })
}

/// The rows of an input.
pub(super) type InputRows = Rows<Hashing<Box<dyn Read + Send>>>;

/// An open input.
#[derive(Debug, Clone)]
pub(super) struct Input {
    /// `None` for standard input.
    file: Option<OpenFile>,
    /// A copy of a workbook, which is not read in order. Every byte was hashed while it was copied.
    copy: Option<Copied>,
    reader_config: ReaderConfig,
}

#[derive(Debug, Clone)]
struct OpenFile {
    file: Arc<File>,
    path: PathBuf,
    facts: Facts,
}

#[derive(Debug, Clone)]
struct Copied {
    file: Arc<File>,
    fingerprint: String,
    /// The file was unchanged when the copy was complete. Later changes to the file do not affect the copy.
    is_whole: bool,
}

/// Facts that change when a file is written to or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    size: u64,
    modified: Option<SystemTime>,
    identity: Option<(u64, u64)>,
}

impl Facts {
    fn of(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok(), identity: file_identity(metadata) }
    }
}

impl Input {
    /// Opens the input of a run. A copy, if needed, is stored in `scratch`.
    pub(super) fn open(source: &Source, reader_config: ReaderConfig, scratch: &Path) -> Result<Self, Error> {
        match source {
            Source::File(path) => Self::open_path(path, reader_config, scratch),
            Source::Stdin | Source::Follow => Self::of(None, reader_config, scratch)
                .map_err(|error| Error::Input { name: source.name(), source: Box::new(error) }),
        }
    }

    /// Opens the file at `path`.
    pub(super) fn open_file(path: &Path, reader_config: ReaderConfig) -> Result<Self, Error> {
        Self::open_path(path, reader_config, &std::env::temp_dir())
    }

    fn open_path(path: &Path, reader_config: ReaderConfig, scratch: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Open { path: path.to_owned(), source };
        // Checked before opening, which on a pipe would wait for a writer.
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err(Error::NotAFile(path.to_owned()));
        }
        let file = File::open(path).map_err(failed)?;
        let facts = Facts::of(&file.metadata().map_err(failed)?);
        let file = OpenFile { file: Arc::new(file), path: path.to_owned(), facts };
        let unreadable = |source| Error::Input { name: path.display().to_string(), source: Box::new(source) };
        Self::of(Some(file), reader_config, scratch).map_err(unreadable)
    }

    fn of(file: Option<OpenFile>, reader_config: ReaderConfig, scratch: &Path) -> Result<Self, InputError> {
        let copy = match (reader_config.format(), &file) {
            (Format::Workbook, Some(open)) => {
                let copy = copied(Arc::clone(&open.file), scratch)?;
                let is_whole = open.is_unchanged(&copy.fingerprint).map_err(read_error)?;
                Some(Copied { is_whole, ..copy })
            }
            (Format::Workbook, None) => Some(copied(io::stdin(), scratch)?),
            _ => None,
        };
        Ok(Self { file, copy, reader_config })
    }

    /// The same input with another configuration.
    pub(super) fn by(&self, reader_config: ReaderConfig) -> Self {
        Self { reader_config, ..self.clone() }
    }

    /// Its rows, from the first one. Those of standard input can be read only once, unless it is a workbook.
    pub(super) fn rows(&self) -> Result<InputRows, InputError> {
        let read: Box<dyn Read + Send> = match (&self.copy, &self.file) {
            (Some(copy), _) => {
                let mut from_the_start = Arc::clone(&copy.file);
                from_the_start.rewind().map_err(read_error)?;
                return Rows::open_workbook(BufReader::new(from_the_start), &self.reader_config);
            }
            (None, Some(open)) => {
                let mut from_the_start = Arc::clone(&open.file);
                from_the_start.rewind().map_err(read_error)?;
                Box::new(from_the_start)
            }
            (None, None) => Box::new(io::stdin()),
        };
        Rows::open(Hashing::new(read), &self.reader_config)
    }

    /// The hash of the whole input of `rows`, which must have been read to the end.
    pub(super) fn fingerprint(&self, rows: &InputRows) -> String {
        let copied = || self.copy.as_ref().map(|copy| copy.fingerprint.clone());
        rows.source().map(Hashing::fingerprint).or_else(copied).unwrap_or_default()
    }

    /// Whether the file was the same at the end of the reading as at the beginning: its bytes still have the hash
    /// `fingerprint`, which they had while they were read.
    pub(super) fn is_unchanged(&self, fingerprint: &str) -> io::Result<bool> {
        match (&self.copy, &self.file) {
            (Some(copy), _) => Ok(copy.is_whole),
            (None, Some(open)) => open.is_unchanged(fingerprint),
            (None, None) => Ok(true),
        }
    }

    /// Hashes the whole file again.
    pub(super) fn fingerprint_anew(&self) -> io::Result<String> {
        self.file.as_ref().map_or(Ok(String::new()), |open| fingerprint_of(&open.file))
    }
}

impl OpenFile {
    /// Whether the file is still the one that was opened, and was not written to.
    fn is_unchanged(&self, fingerprint: &str) -> io::Result<bool> {
        let is_the_same = |metadata: &Metadata| Facts::of(metadata) == self.facts;
        Ok(fingerprint_of(&self.file)? == fingerprint
            && is_the_same(&self.file.metadata()?)
            && is_the_same(&std::fs::metadata(&self.path)?))
    }
}

fn fingerprint_of(mut file: &File) -> io::Result<String> {
    file.rewind()?;
    let mut hash = blake3::Hasher::new();
    hash.update_reader(file)?;
    Ok(hash.finalize().to_hex().to_string())
}

fn read_error(source: io::Error) -> InputError {
    TextError::Read { byte: 0, source }.into()
}

/// Copies a workbook into the folder `scratch`, unpacked if it is gzip.
fn copied(source: impl Read, scratch: &Path) -> Result<Copied, InputError> {
    // Far more than the size of a workbook, which is compressed itself. The bound keeps endless data from filling the
    // disk.
    const MOST_BYTES: u64 = 4 << 30;
    let mut hashing = Hashing::new(source);
    let mut copy = tempfile::tempfile_in(scratch).map_err(InputError::NotCopied)?;
    let mut piece = vec![0; 1 << 16];
    loop {
        match hashing.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => copy.write_all(&piece[..read]).map_err(InputError::NotCopied)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(read_error(error)),
        }
    }
    copy.rewind().map_err(InputError::NotCopied)?;
    let mut unpacked = tempfile::tempfile_in(scratch).map_err(TextError::NotUnpacked)?;
    let was_packed = unpack_to(&mut copy, &mut unpacked, MOST_BYTES)?;
    let file = Arc::new(if was_packed { unpacked } else { copy });
    Ok(Copied { file, fingerprint: hashing.fingerprint(), is_whole: true })
}

/// Hashes the bytes read through it.
pub(super) struct Hashing<R> {
    source: R,
    hash: blake3::Hasher,
}

impl<R> Hashing<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, hash: blake3::Hasher::new() }
    }

    pub(super) fn fingerprint(&self) -> String {
        self.hash.finalize().to_hex().to_string()
    }
}

impl<R> fmt::Debug for Hashing<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hashing").finish_non_exhaustive()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.source.read(buffer)?;
        self.hash.update(&buffer[..bytes]);
        Ok(bytes)
    }
}
