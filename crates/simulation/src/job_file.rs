//! A job file in memory.

use std::io::Cursor;
use std::sync::Arc;

use batchpost_engine::job::{Key, KeyMap};
use batchpost_engine::ledger::{JobState, Record};
use batchpost_engine::planning::{
    JobFileReader, JobFileWriter, Jobs, Planner, ReadSummary, Row, next_excluded, repeated_contents,
};

pub(crate) type Bytes = Cursor<Arc<[u8]>>;

pub(crate) struct JobFile {
    bytes: Arc<[u8]>,
    records: u64,
    repeated: Vec<Key>,
}

impl JobFile {
    /// Plans a sheet's rows with `planner`.
    pub(crate) fn plan(sheet: &[Row], mut planner: Planner<'_>) -> (ReadSummary, Self) {
        let mut writer = JobFileWriter::new(Vec::new());
        for record in sheet.iter().cloned().filter_map(|row| planner.enter(row)) {
            writer.add(&record).expect("memory can be written");
        }
        let (bytes, records) = writer.finish().expect("memory can be written");
        (planner.end(), Self { bytes: bytes.into(), records, repeated: Vec::new() })
    }

    /// Distinguishes equal contents with several names.
    pub(crate) fn with_repeated_contents(self) -> Self {
        let repeated = repeated_contents(self.reader()).expect("memory can be read");
        Self { repeated, ..self }
    }

    fn reader(&self) -> JobFileReader<Bytes> {
        JobFileReader::new(Cursor::new(Arc::clone(&self.bytes)), self.records)
    }

    pub(crate) fn rows(&self) -> Jobs<Bytes> {
        Jobs::new(self.reader(), &self.repeated)
    }

    /// The records of excluded rows that the ledger does not have yet.
    pub(crate) fn excluded_rows(&self, job_states: &mut KeyMap<JobState>) -> Vec<Record> {
        let mut rows = self.rows();
        let next = || next_excluded(&mut rows, job_states).expect("memory can be read");
        std::iter::from_fn(next).map(Record::Excluded).collect()
    }
}
