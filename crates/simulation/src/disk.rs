//! A disk that loses unsynced writes.
//!
//! Every file has two images: `live`, which is read back, and `durable`, which survives a power loss; the
//! changes between them are pending until a sync. The same is true for the directory. A [`Survival`] states
//! what a power loss does to the pending changes. Killing a process leaves both images unchanged.
//!
//! Every operation is a *step*. A step can be the one at which everything ends, or the one that fails.

mod fate;

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use batchpost_engine::storage::{Directory, Storage};
use fastrand::Rng;

pub use fate::Fate;

/// The ledger's name.
const LEDGER: &str = "ledger";
/// The name of a ledger until it is complete.
const UNFINISHED: &str = "ledger.new";
/// The file for torn tails.
const ASIDE: &str = "ledger.torn";

/// The disk. Clones share it: a ledger has one handle, the simulation another. To continue from one moment in
/// several ways, [`Disk::fork`] it.
#[derive(Debug, Clone)]
pub struct Disk(Arc<Mutex<State>>);

/// The steps of a run, counted from 0, at which something goes wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Everything ends before this step.
    pub crash_at: Option<u64>,
    /// The first storage step from this one on fails.
    pub fail_at: Option<u64>,
}

/// What a power loss does to the pending changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survival {
    /// The number of pending name changes that took effect.
    pub names: usize,
    /// The fate of writes. Truncations took effect unless this is [`Fate::Lost`].
    pub writes: Fate,
}

#[derive(Debug, Clone)]
struct State {
    files: Vec<File>,
    live_names: BTreeMap<&'static str, usize>,
    durable_names: BTreeMap<&'static str, usize>,
    pending_names: Vec<NameChange>,
    steps: u64,
    trouble: Trouble,
    crashed: bool,
    failures: u64,
    /// Changes whenever the durable ledger changes other than by growing.
    generation: u64,
    /// A forbidden operation on this disk.
    violation: Option<&'static str>,
    /// The hashes of all lines that were to be written.
    lines: HashSet<u64>,
    rng: Rng,
}

#[derive(Debug, Clone, Default)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// A failed sync dropped changes: they are read back, but no later sync will write them.
    dropped: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

#[derive(Debug, Clone, Copy)]
enum NameChange {
    Link(&'static str, usize),
    Rename(&'static str, &'static str),
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<&'static str, usize>) {
        match self {
            Self::Link(name, file) => drop(names.insert(name, file)),
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to, file);
                }
            }
        }
    }
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>, fate: Fate) {
        match self {
            Self::Truncate(size) if fate != Fate::Lost => image.truncate(*size),
            Self::Truncate(_) => {}
            Self::Write { at, bytes } => {
                let Some(survived) = fate.of(bytes) else { return };
                let end = at + survived.len();
                if image.len() < end {
                    image.resize(end, 0);
                }
                image[*at..end].copy_from_slice(&survived);
            }
        }
    }
}

fn hash(line: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    hasher.finish()
}

fn power_is_gone() -> io::Error {
    io::Error::other("the power is gone")
}

impl State {
    /// Counts a step. Returns false if everything has ended before it.
    fn step(&mut self) -> bool {
        if self.trouble.crash_at == Some(self.steps) {
            self.crashed = true;
        }
        self.steps += u64::from(!self.crashed);
        !self.crashed
    }

    /// Counts a storage step, which may be the one that fails.
    fn storage_step(&mut self) -> io::Result<bool> {
        if !self.step() {
            return Err(power_is_gone());
        }
        let fails = self.trouble.fail_at.is_some_and(|at| at < self.steps);
        if fails {
            self.trouble.fail_at = None;
            self.failures += 1;
        }
        Ok(!fails)
    }

    fn write(&mut self, file: usize, bytes: &[u8]) -> io::Result<()> {
        let sound = self.storage_step()?;
        self.lines.extend(bytes.split_inclusive(|byte| *byte == b'\n').map(hash));
        let written = if sound { bytes.len() } else { self.rng.usize(0..=bytes.len()) };
        let file = &mut self.files[file];
        let at = file.live.len();
        file.live.extend_from_slice(&bytes[..written]);
        file.pending.push(Change::Write { at, bytes: bytes[..written].to_vec() });
        if sound { Ok(()) } else { Err(io::Error::other("no space is left")) }
    }

    fn sync(&mut self, number: usize) -> io::Result<()> {
        let sound = self.storage_step()?;
        let is_ledger = self.durable_names.get(LEDGER) == Some(&number);
        if !sound {
            // The state is now unknown. Some systems try again at the next sync; others never do, without an
            // error.
            if self.rng.bool() {
                let file = &mut self.files[number];
                file.dropped |= !file.pending.is_empty();
                file.pending.clear();
                self.generation += 1;
            }
            return Err(io::Error::other("the disk did not answer"));
        }
        let file = &mut self.files[number];
        for change in file.pending.drain(..) {
            if is_ledger && matches!(change, Change::Truncate(_)) {
                self.generation += 1;
            }
            change.apply(&mut file.durable, Fate::Kept);
        }
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        if !self.storage_step()? {
            return Err(io::Error::other("the disk did not answer"));
        }
        for change in self.pending_names.drain(..) {
            change.apply(&mut self.durable_names);
        }
        self.generation += 1;
        Ok(())
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.live_names);
        self.pending_names.push(change);
    }

    /// The file with this name; created if missing.
    fn create(&mut self, name: &'static str) -> io::Result<usize> {
        if !self.storage_step()? {
            return Err(io::Error::other("no space is left"));
        }
        if let Some(file) = self.live_names.get(name) {
            return Ok(*file);
        }
        self.files.push(File::default());
        let file = self.files.len() - 1;
        self.change_name(NameChange::Link(name, file));
        Ok(file)
    }

    fn survive(&mut self, survival: Survival) {
        for change in self.pending_names.drain(..).take(survival.names) {
            change.apply(&mut self.durable_names);
        }
        self.live_names.clone_from(&self.durable_names);
        for file in &mut self.files {
            for change in file.pending.drain(..) {
                change.apply(&mut file.durable, survival.writes);
            }
            file.live.clone_from(&file.durable);
            file.dropped = false;
        }
        self.generation += 1;
    }

    /// The length of the longest pending write; `None` if no change is pending.
    fn pending(&self) -> Option<usize> {
        let lengths = self.files.iter().flat_map(|file| &file.pending).map(|change| match change {
            Change::Write { bytes, .. } => bytes.len(),
            Change::Truncate(_) => 0,
        });
        lengths.max()
    }
}

impl Disk {
    /// Creates an empty disk. The seed decides how a failing write or sync fails.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            files: Vec::new(),
            live_names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            steps: 0,
            trouble: Trouble::default(),
            crashed: false,
            failures: 0,
            generation: 0,
            violation: None,
            lines: HashSet::new(),
            rng: Rng::with_seed(seed),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics with the disk in hand")
    }

    /// Another disk in the same state.
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// Starts a run: steps are counted from 0.
    pub fn begin_run(&self, trouble: Trouble) {
        let mut state = self.state();
        state.steps = 0;
        state.trouble = trouble;
        state.crashed = false;
        state.failures = 0;
    }

    /// Counts a step other than a storage step. Returns false if everything has ended before it.
    pub fn step(&self) -> bool {
        self.state().step()
    }

    /// The number of steps of this run so far.
    pub fn steps(&self) -> u64 {
        self.state().steps
    }

    /// Whether everything has ended.
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Whether a step of this run has failed.
    pub fn has_failed(&self) -> bool {
        self.state().failures > 0
    }

    /// Whether what is read of the ledger differs from the disk, and no sync will change that.
    pub fn has_dropped(&self) -> bool {
        let state = self.state();
        state.live_names.get(LEDGER).is_some_and(|file| state.files[*file].dropped)
    }

    /// A forbidden operation on this disk, if there was one.
    pub fn violation(&self) -> Option<&'static str> {
        self.state().violation
    }

    /// All ways in which the power may be lost now, at a granularity that keeps them few: writes are torn at
    /// line ends, next to them and within lines.
    pub fn survivals(&self) -> Vec<Survival> {
        let state = self.state();
        let names = state.pending_names.len();
        let mut fates = vec![Fate::Kept];
        if let Some(longest) = state.pending() {
            fates.push(Fate::Lost);
            if longest > 0 {
                let ends: Vec<usize> = (state.files.iter().flat_map(|file| &file.pending))
                    .filter_map(|change| if let Change::Write { bytes, .. } = change { Some(bytes) } else { None })
                    .flat_map(|bytes| bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at))
                    .collect();
                let torn = ends.iter().flat_map(|end| [end / 2, *end, end + 1]).filter(|at| *at < longest);
                fates.extend(torn.map(Fate::Torn));
                fates.extend([Fate::Zeroed(0), Fate::Zeroed(longest / 2)]);
                fates.extend([Fate::Reordered(1), Fate::Reordered(longest / 2)]);
                fates.extend(ends.first().map(|end| Fate::Reordered(end + 1)));
                // A digit of a checksum.
                fates.extend(ends.iter().map(|end| Fate::Garbled(end.saturating_sub(3))));
            }
        }
        (0..=names).flat_map(|names| fates.iter().map(move |writes| Survival { names, writes: *writes })).collect()
    }

    /// Draws one of the ways in which the power may be lost now.
    pub fn draw_survival(&self, rng: &mut Rng) -> Survival {
        let state = self.state();
        let names = rng.usize(0..=state.pending_names.len());
        Survival { names, writes: Fate::draw(rng, state.pending().unwrap_or(0)) }
    }

    /// Applies a power loss and restart.
    pub fn survive(&self, survival: Survival) {
        self.state().survive(survival);
    }

    /// Whether a power loss would lose anything.
    pub fn has_pending(&self) -> bool {
        let state = self.state();
        !state.pending_names.is_empty() || state.pending().is_some()
    }

    /// Passes the ledger's durable bytes and their generation to `look`; empty if not even its name is
    /// durable.
    ///
    /// If a failed sync has dropped changes and the system stays up, no later sync reports that and it is
    /// unknown what is durable: then the bytes are those that are read back. After a power loss such a disk
    /// has a damaged ledger, which is detected.
    pub fn durable_ledger<T>(&self, look: impl FnOnce(&[u8], u64) -> T) -> T {
        let state = self.state();
        let file = state.durable_names.get(LEDGER).map(|file| &state.files[*file]);
        let bytes = file.map_or(&[][..], |file| if file.dropped { &file.live } else { &file.durable });
        look(bytes, state.generation)
    }

    /// Whether the ledger now has a line that was never written, which must not be read as a record.
    pub fn has_foreign_line(&self) -> bool {
        let state = self.state();
        let ledger = state.live_names.get(LEDGER).map_or(&[][..], |file| &state.files[*file].live);
        ledger.split_inclusive(|byte| *byte == b'\n').any(|line| !state.lines.contains(&hash(line)))
    }

    /// The number of bytes in the ledger as currently read.
    pub fn ledger_size(&self) -> usize {
        let state = self.state();
        state.live_names.get(LEDGER).map_or(0, |file| state.files[*file].live.len())
    }

    /// The ledger's bytes as currently read.
    pub fn ledger_bytes(&self) -> Vec<u8> {
        let state = self.state();
        state.live_names.get(LEDGER).map(|file| state.files[*file].live.clone()).unwrap_or_default()
    }

    /// The ledger, if it exists.
    pub fn ledger(&self) -> Option<DiskFile> {
        let file = *self.state().live_names.get(LEDGER)?;
        Some(DiskFile { disk: self.clone(), file })
    }
}

/// A file of a [`Disk`].
#[derive(Debug)]
pub struct DiskFile {
    disk: Disk,
    file: usize,
}

impl Directory for Disk {
    type File = DiskFile;

    fn open(&mut self) -> io::Result<Option<DiskFile>> {
        Ok(self.ledger())
    }

    fn create_unfinished(&mut self) -> io::Result<DiskFile> {
        let mut state = self.state();
        let file = state.create(UNFINISHED)?;
        if !state.files[file].live.is_empty() {
            state.files[file].live.clear();
            state.files[file].pending.push(Change::Truncate(0));
        }
        Ok(DiskFile { disk: self.clone(), file })
    }

    fn rename_finished(&mut self) -> io::Result<()> {
        let mut state = self.state();
        if !state.storage_step()? {
            return Err(io::Error::other("no space is left"));
        }
        state.change_name(NameChange::Rename(UNFINISHED, LEDGER));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.state().sync_names()
    }
}

impl Storage for DiskFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.file].live.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.state();
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let rest = state.files[self.file].live.get(at..).unwrap_or_default();
        let bytes = rest.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.state().write(self.file, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.state().sync(self.file)
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let size = usize::try_from(size).map_err(io::Error::other)?;
        let excluded = state.durable_names.get(ASIDE).map(|file| &state.files[*file].durable);
        let cut = state.files[self.file].live.get(size..).unwrap_or_default();
        if !excluded.is_some_and(|excluded| excluded.ends_with(cut)) {
            state.violation = Some("a tail was cut off that was not durable elsewhere");
        }
        if !state.storage_step()? {
            return Err(io::Error::other("the disk did not answer"));
        }
        state.generation += 1;
        state.files[self.file].live.truncate(size);
        state.files[self.file].pending.push(Change::Truncate(size));
        Ok(())
    }

    /// Like the runtime: writes and syncs a file beside the ledger, then syncs its name.
    fn keep_torn_tail(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let file = state.create(ASIDE)?;
        state.write(file, bytes)?;
        state.sync(file)?;
        state.sync_names()
    }
}

#[cfg(test)]
mod tests;
