//! Any content of a ledger file. The first line of a case determines how the other lines are used:
//!
//! - `raw`: they are the file, byte for byte;
//! - `sealed`: each is a record as in a ledger's line, `{"n":2,"mark":{"synced":1}`, and gets its checksum,
//!   so that invalid records are parsed and not only rejected as damaged;
//! - `commit N AT BYTE CUT`: each is a record, `{"mark":{"synced":1}}`. They are committed in groups of N.
//!   Then the byte at AT is XORed with BYTE, and CUT bytes are cut off the end of the file.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard};

use batchpost::job::KEY_SCHEME;
use batchpost::ledger::{
    Header, Ledger, LedgerError, LedgerId, Record, VERSION, audit, begin, histories, inspect, read, resume, salvage,
};
use batchpost::storage::{Directory, Storage};
use jiff::Timestamp;
use serde_json::Value;

const ID: LedgerId = LedgerId(0x1234_5678_9abc_def0);

/// Reading returns what was written or an error. Damaged or torn parts are never returned as records.
pub(crate) fn check(input: &[u8]) {
    let (head, rest) = match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &b""[..]),
    };
    let head = String::from_utf8_lossy(head);
    let mut words = head.split_ascii_whitespace();
    match words.next() {
        Some("sealed") => open(&sealed(rest)),
        Some("commit") => {
            let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
            damaged(rest, number(), number(), number(), number());
        }
        Some("raw") => open(rest),
        _ => open(input),
    }
}

/// Runs all operations on an existing ledger.
fn open(bytes: &[u8]) {
    let disk = Disk::with(bytes);
    let inspected = inspect(&disk);
    assert_eq!(audit(&disk).is_ok(), inspected.is_ok());
    assert_eq!(histories(&disk, u64::MAX, |_| true).is_ok(), inspected.is_ok());
    assert_eq!(disk.file().bytes, bytes, "what is only read is left as it is");

    let mut repaired = Disk::with(bytes);
    match (resume(&mut repaired), &inspected) {
        (Ok(Some((mut ledger, batch, extent))), Ok((looked, seen))) => {
            assert_eq!(&extent, seen);
            assert_eq!((batch.counts(), batch.vanished()), (looked.counts(), looked.vanished()));
            assert_eq!(extent.good_bytes + extent.torn_bytes, bytes.len() as u64);
            let kept = usize::try_from(extent.good_bytes).expect("it fits into memory");
            assert_eq!(repaired.file().bytes, bytes[..kept], "what is good is kept as it is");
            assert_eq!(repaired.file().excluded, bytes[kept..], "a torn tail is set aside, all of it");
            ledger.commit(&[]).expect("memory takes writes");
            let (_, extent) = inspect(ledger.storage()).expect("it was mended");
            assert_eq!(extent.torn_bytes, 0);
        }
        (Err(_), Err(_)) => assert_eq!(repaired.file().bytes, bytes, "what is refused is left as it is"),
        (resumed, _) => panic!("looked at: {}, resumed: {}", inspected.is_ok(), resumed.is_ok()),
    }

    let mut new = Disk::default();
    if salvage(&disk, &mut new, &header(LedgerId(7))).is_ok() {
        let (batch, _) = inspect(&new).expect("what is salvaged is a ledger");
        audit(&new).expect("what is salvaged is a ledger");
        if let Ok((looked, _)) = inspected {
            assert!(batch.attempts >= looked.attempts, "attempts were lost");
        }
    }
}

/// Commits the records of `lines`, damages what was written, and compares what is read back.
fn damaged(lines: &[u8], group: usize, at: usize, change: usize, cut: usize) {
    let records: Vec<Record> = lines.split(|byte| *byte == b'\n').filter_map(record).take(100).collect();
    let mut disk = Disk::default();
    begin(&mut disk, &header(ID)).expect("memory takes writes");
    let mut ledger = Ledger::open(disk.clone()).expect("it was begun").0;
    for group in records.chunks(group.clamp(1, 100)) {
        ledger.commit(group).expect("memory takes writes, and no case is as long as a line may be");
    }
    ledger.close().expect("memory takes writes");
    assert_eq!(committed(&disk).expect("nothing happened to it"), records, "what is committed is read back");

    let mut bytes = disk.file().bytes.clone();
    bytes.truncate(bytes.len() - cut % (bytes.len() + 1));
    if !bytes.is_empty() {
        let at = at % bytes.len();
        bytes[at] ^= change.to_le_bytes()[0];
    }
    if let Ok(read) = committed(&Disk::with(&bytes)) {
        assert_eq!(read, records[..read.len().min(records.len())], "a line is believed that was never written");
    }
    open(&bytes);
}

/// The records of a ledger without its header and marks.
fn committed(disk: &Disk) -> Result<Vec<Record>, LedgerError> {
    let mut records = Vec::new();
    read(disk, &mut |entry| {
        if !matches!(entry.record, Record::Header(_) | Record::Mark(_)) {
            records.push(entry.record);
        }
    })?;
    Ok(records)
}

/// Parses a record that a caller can commit. Excludes the records that a ledger writes itself.
fn record(line: &[u8]) -> Option<Record> {
    let Ok(Value::Object(members)) = serde_json::from_slice(line) else { return None };
    let (kind, body) = members.into_iter().find(|(kind, _)| kind != "n")?;
    fn of<T: serde::de::DeserializeOwned>(body: Value, record: impl Fn(T) -> Record) -> Option<Record> {
        serde_json::from_value(body).ok().map(record)
    }
    match kind.as_str() {
        "run" => of(body, |run| Record::Run(Box::new(run))),
        "read" => of(body, Record::Read),
        "intent" => of(body, Record::Intent),
        "outcome" => of(body, Record::Outcome),
        "aside" => of(body, Record::Excluded),
        // A settlement with parts that are missing is not read back.
        "settle" => {
            of(body, Record::Settle).filter(|record| !matches!(record, Record::Settle(of) if of.part.is_some()))
        }
        "pause" => of(body, Record::Pause),
        "resumed" => of(body, Record::Resumed),
        "salvage" => of(body, Record::Salvage),
        "vanished" => of(body, Record::Vanished),
        "returned" => of(body, Record::Returned),
        "finish" => of(body, Record::Finish),
        _ => None,
    }
}

/// A ledger with a header, and with the right checksum for each line.
fn sealed(lines: &[u8]) -> Vec<u8> {
    let mut disk = Disk::default();
    begin(&mut disk, &header(ID)).expect("memory takes writes");
    let mut bytes = disk.file().bytes.clone();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&ID.0.to_le_bytes());
        crc.update(line);
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(format!(",\"crc\":\"{:08x}\"}}\n", crc.finalize()).as_bytes());
    }
    bytes
}

fn header(id: LedgerId) -> Header {
    Header {
        version: VERSION,
        id,
        key_scheme: KEY_SCHEME,
        tool: "batchpost 0".to_owned(),
        api: None,
        target: "https://example.test/".to_owned(),
        wall: Timestamp::UNIX_EPOCH,
    }
}

/// A file in memory, and its directory. Clones share the file.
#[derive(Debug, Default, Clone)]
struct Disk(Arc<Mutex<File>>);

#[derive(Debug, Default, Clone)]
struct File {
    bytes: Vec<u8>,
    excluded: Vec<u8>,
}

impl Disk {
    fn with(bytes: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(File { bytes: bytes.to_vec(), excluded: Vec::new() })))
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.0.lock().expect("nothing panics with it")
    }
}

impl Storage for Disk {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file().bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.file().bytes.get(offset..).unwrap_or_default().read(buffer)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file().bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.file().bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        Ok(())
    }

    fn keep_torn_tail(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file().excluded.extend_from_slice(bytes);
        Ok(())
    }
}

impl Directory for Disk {
    type File = Self;

    fn open(&mut self) -> io::Result<Option<Self>> {
        Ok(Some(self.clone()))
    }

    fn create_unfinished(&mut self) -> io::Result<Self> {
        *self.file() = File::default();
        Ok(self.clone())
    }

    fn rename_finished(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}
