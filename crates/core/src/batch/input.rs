//! The input as it is opened: a file, which is read once, or standard input.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::error::Error;
use super::lookups;
use super::run_request::Source;
use crate::api::{Api, RequestTemplate};
use crate::input::{Format, InputError, Options, ReaderConfig, Rows, TextError, unpack_to};
use crate::reading::{self, Proposal};
use crate::runtime::platform::file_identity;
use crate::settings::Settings;

/// What `options` ask for, of notes to `target`, given what these need besides; also the hash of the table that they
/// name.
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

/// How the input at `path` seems to want to be read for notes to `target`, with what is said in `options`. Nothing is
/// written.
///
/// # Errors
///
/// When it cannot be opened, or nothing can be made of it. `options` hold what was found until then.
pub fn propose(path: &Path, options: &mut Options, target: &Arc<dyn Api>) -> Result<Proposal, Error> {
    let reader_config = |options: Options| ReaderConfig::new(options, Arc::clone(target));
    let file = Input::open_file(path, reader_config(options.clone()))?;
    let by = |options: &Options| file.by(reader_config(options.clone())).rows();
    reading::propose(options, &mut { by })
        .map_err(|source| Error::Input { name: path.display().to_string(), source: Box::new(source) })
}

/// An input's rows.
pub(super) type InputRows = Rows<Hashing<Box<dyn Read + Send>>>;

/// An input that was opened.
#[derive(Debug, Clone)]
pub(super) struct Input {
    /// None of standard input.
    file: Option<OpenFile>,
    /// A workbook is read here and there: in a copy, of which every byte was hashed as it was taken.
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
    /// The file was what was copied when all of it was: what happens to it later is nothing to the copy.
    is_whole: bool,
}

/// What tells that a file was written to, or another put in its place.
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
    /// Opens the input that a run reads. A copy of it, if it needs one, goes to `scratch`.
    pub(super) fn open(source: &Source, reader_config: ReaderConfig, scratch: &Path) -> Result<Self, Error> {
        match source {
            Source::File(path) => Self::open_path(path, reader_config, scratch),
            Source::Stdin | Source::Follow => Self::of(None, reader_config, scratch)
                .map_err(|error| Error::Input { name: STDIN.to_owned(), source: Box::new(error) }),
        }
    }

    /// Opens the file at `path`.
    pub(super) fn open_file(path: &Path, reader_config: ReaderConfig) -> Result<Self, Error> {
        Self::open_path(path, reader_config, &std::env::temp_dir())
    }

    fn open_path(path: &Path, reader_config: ReaderConfig, scratch: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Open { path: path.to_owned(), source };
        // Before it is opened, which a pipe would keep waiting for somebody who writes to it.
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

    /// The same input, read otherwise.
    pub(super) fn by(&self, reader_config: ReaderConfig) -> Self {
        Self { reader_config, ..self.clone() }
    }

    /// Its rows, from the first. Those of standard input can be had once, unless it is a workbook.
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

    /// The hash of all that `rows` were made of, which have been read to the end.
    pub(super) fn fingerprint(&self, rows: &InputRows) -> String {
        let copied = || self.copy.as_ref().map(|copy| copy.fingerprint.clone());
        rows.source().map(Hashing::fingerprint).or_else(copied).unwrap_or_default()
    }

    /// Whether the file was the same at the end of its reading as at the beginning: its bytes hash to `fingerprint`, as they
    /// did while they were read.
    pub(super) fn is_unchanged(&self, fingerprint: &str) -> io::Result<bool> {
        match (&self.copy, &self.file) {
            (Some(copy), _) => Ok(copy.is_whole),
            (None, Some(open)) => open.is_unchanged(fingerprint),
            (None, None) => Ok(true),
        }
    }

    /// The hash of all that is in the file.
    pub(super) fn fingerprint_anew(&self) -> io::Result<String> {
        self.file.as_ref().map_or(Ok(String::new()), |open| fingerprint_of(&open.file))
    }
}

impl OpenFile {
    /// Whether it still is what was opened, and nobody wrote to it meanwhile.
    fn is_unchanged(&self, fingerprint: &str) -> io::Result<bool> {
        let is_the_same = |metadata: &Metadata| Facts::of(metadata) == self.facts;
        Ok(fingerprint_of(&self.file)? == fingerprint
            && is_the_same(&self.file.metadata()?)
            && is_the_same(&std::fs::metadata(&self.path)?))
    }
}

/// What errors call standard input.
pub(super) const STDIN: &str = "standard input";

fn fingerprint_of(mut file: &File) -> io::Result<String> {
    file.rewind()?;
    let mut hash = blake3::Hasher::new();
    hash.update_reader(file)?;
    Ok(hash.finalize().to_hex().to_string())
}

fn read_error(source: io::Error) -> InputError {
    TextError::Read { byte: 0, source }.into()
}

/// A copy of a workbook in the folder `scratch`, unpacked if it is packed.
fn copied(source: impl Read, scratch: &Path) -> Result<Copied, InputError> {
    // Far more than a workbook has, which is packed in itself: what goes on and on would fill the disk.
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

/// Hashes what is read through it.
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
