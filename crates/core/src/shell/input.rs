//! The input as it is opened: a file, which is read more than once through one handle, or a stream.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use super::lookups;
use super::order::{Order, Source};
use crate::input::{Format, InputError, Options, Recipe, Rows, unpack_to};
use crate::reading::{self, Proposal};
use crate::settings::Settings;
use crate::target::{Form, Target};

/// What `options` ask for, of notes to `target`, given what these need besides; also the hash of the table that they
/// name.
pub(super) fn recipe(
    options: &Options,
    settings: &Settings,
    target: &Arc<dyn Target>,
) -> Result<(Recipe, Option<String>), Error> {
    let marker_bytes = if settings.marker { Form::MARKER_BYTES as u32 } else { 0 };
    let mut fingerprint = None;
    let recipe = Recipe::new(options.clone(), Arc::clone(target)).with_table(|spec| {
        let (table, read) = lookups::load(spec, target)?;
        fingerprint = Some(read);
        Ok::<_, Error>(table)
    })?;
    Ok((recipe.reserving(marker_bytes), fingerprint))
}

/// How the input at `path` seems to want to be read for notes to `target`, with what is said in `options`. Nothing is
/// written.
///
/// # Errors
///
/// When it cannot be opened, or nothing can be made of it. `options` hold what was found until then.
pub fn propose(path: &Path, options: &mut Options, target: &Arc<dyn Target>) -> Result<Proposal, Error> {
    let recipe = |options: Options| Recipe::new(options, Arc::clone(target));
    let file = InputFile::open(path, recipe(options.clone()))?;
    let by = |options: &Options| InputFile { recipe: recipe(options.clone()), ..file.clone() }.rows();
    reading::propose(options, &mut { by })
        .map_err(|source| Error::Input { name: path.display().to_string(), source: Box::new(source) })
}

/// A file's rows.
pub(super) type FileRows = Rows<Hashing<Arc<File>>>;

/// A file that is read more than once.
#[derive(Debug, Clone)]
pub(super) struct InputFile {
    file: Arc<File>,
    /// A workbook that came packed, or from a stream, is read here and there in a copy.
    unpacked: Option<Arc<File>>,
    recipe: Recipe,
}

impl InputFile {
    /// Opens the file at `path`.
    pub(super) fn open(path: &Path, recipe: Recipe) -> Result<Self, Error> {
        let failed = |source| Error::Open { path: path.to_owned(), source };
        // Before it is opened, which a pipe would keep waiting for somebody who writes to it.
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err(Error::NotAFile(path.to_owned()));
        }
        let file = File::open(path).map_err(failed)?;
        let unreadable = |source| Error::Input { name: path.display().to_string(), source: Box::new(source) };
        Self::of(file, recipe).map_err(unreadable)
    }

    /// Takes in a stream that can be read only here and there.
    pub(super) fn of_stream(mut stream: impl Read, recipe: Recipe) -> Result<Self, InputError> {
        let read = |source| InputError::Read { byte: 0, source };
        let mut file = tempfile::tempfile().map_err(read)?;
        io::copy(&mut stream, &mut file).map_err(read)?;
        Self::of(file, recipe)
    }

    pub(super) fn of(mut file: File, recipe: Recipe) -> Result<Self, InputError> {
        let unpacked = if recipe.format() == Format::Workbook { unpacked(&mut file)? } else { None };
        Ok(Self { file: Arc::new(file), unpacked: unpacked.map(Arc::new), recipe })
    }

    /// Its rows, from the first.
    pub(super) fn rows(&self) -> Result<FileRows, InputError> {
        let file = self.unpacked.as_ref().unwrap_or(&self.file);
        let mut from_the_start = Arc::clone(file);
        from_the_start.rewind().map_err(|source| InputError::Read { byte: 0, source })?;
        match self.recipe.format() {
            Format::Workbook => Rows::open_workbook(BufReader::new(from_the_start), &self.recipe),
            _ => Rows::open(Hashing::new(from_the_start), &self.recipe),
        }
    }

    /// The hash of all that is in the file, of which `rows` have been read to the end.
    pub(super) fn fingerprint(&self, rows: &FileRows) -> Result<String, InputError> {
        match rows.source() {
            Some(hashing) => Ok(hashing.fingerprint()),
            None => self.fingerprint_anew().map_err(|source| InputError::Read { byte: 0, source }),
        }
    }

    /// The same, of a file that nobody has read.
    pub(super) fn fingerprint_anew(&self) -> io::Result<String> {
        let mut file = Arc::clone(&self.file);
        file.rewind()?;
        let mut hashing = Hashing::new(file);
        io::copy(&mut hashing, &mut io::sink())?;
        Ok(hashing.fingerprint())
    }
}

/// What is in a packed file; none of one that is not packed.
fn unpacked(file: &mut File) -> Result<Option<File>, InputError> {
    // Far more than a workbook has, which is packed in itself: what goes on and on would fill the disk.
    const MOST_BYTES: u64 = 4 << 30;
    file.rewind().map_err(|source| InputError::Read { byte: 0, source })?;
    let mut unpacked = tempfile::tempfile().map_err(InputError::NotUnpacked)?;
    let packed = unpack_to(file, &mut unpacked, MOST_BYTES)?;
    Ok(packed.then_some(unpacked))
}

/// The input of a run.
#[derive(Debug)]
pub(super) enum Opened {
    File(Box<InputFile>),
    Stream(Box<Rows<Hashing<io::Stdin>>>),
}

impl Opened {
    /// Opens the input of `order`. A workbook on standard input is taken in first.
    pub(super) fn open(order: &Order, recipe: Recipe) -> Result<Self, Error> {
        match &order.source {
            Source::File(path) => Ok(Self::File(Box::new(InputFile::open(path, recipe)?))),
            Source::Stdin if recipe.format() == Format::Workbook => InputFile::of_stream(io::stdin().lock(), recipe)
                .map(|file| Self::File(Box::new(file)))
                .map_err(Error::input(order)),
            Source::Stdin => {
                let rows = Rows::open(Hashing::new(io::stdin()), &recipe).map_err(Error::input(order))?;
                Ok(Self::Stream(Box::new(rows)))
            }
        }
    }
}

/// Hashes what is read through it.
#[derive(Debug)]
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

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.source.read(buffer)?;
        self.hash.update(&buffer[..bytes]);
        Ok(bytes)
    }
}
