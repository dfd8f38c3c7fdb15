//! The state of each row according to the durable bytes of a ledger. They are parsed without the ledger's own
//! code, so that the code under test does not check itself.

use serde_json::Value;

use crate::disk::Disk;

/// The durable state of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RowState {
    /// The attempt number of the last intent.
    pub(crate) attempt: u64,
    /// The last intent has no outcome.
    pub(crate) open: bool,
    /// The state in the last outcome.
    pub(crate) outcome: Option<String>,
    /// It was posted, or rejected by the API, and must never be sent again.
    pub(crate) settled: bool,
    /// An attempt ended unknown or has no outcome, and none was posted since. The last intent does not count
    /// yet.
    pub(crate) doubt: bool,
}

/// The rows of the ledger's durable image, by number from 1, updated as the image grows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Durable {
    rows: Vec<RowState>,
    read: usize,
    generation: u64,
}

impl Durable {
    /// The current durable state of this row.
    pub(crate) fn row(&mut self, disk: &Disk, row: u64) -> RowState {
        disk.durable_ledger(|bytes, generation| {
            if generation != self.generation || bytes.len() < self.read {
                *self = Self { generation, ..Self::default() };
            }
            while let Some(end) = bytes[self.read..].iter().position(|byte| *byte == b'\n') {
                // Bytes that are not a record end the valid part.
                let Ok(line) = serde_json::from_slice::<Value>(&bytes[self.read..=self.read + end]) else { break };
                self.take(&line);
                self.read += end + 1;
            }
        });
        self.rows.get(index(row)).cloned().unwrap_or_default()
    }

    fn take(&mut self, line: &Value) {
        if let Some(intent) = line.get("intent") {
            let known = self.known(intent);
            known.doubt |= known.open;
            known.open = true;
            known.attempt = intent["attempt"].as_u64().unwrap_or_default();
        } else if let Some(outcome) = line.get("outcome") {
            let known = self.known(outcome);
            known.open = false;
            match outcome["verdict"].as_str() {
                Some("posted") => known.doubt = false,
                Some("unknown") => known.doubt = true,
                _ => {}
            }
            known.settled |= matches!(outcome["verdict"].as_str(), Some("posted"))
                || (outcome["verdict"] == "rejected" && !known.doubt);
            known.outcome = outcome["stands"].as_str().map(str::to_owned);
        }
    }

    fn known(&mut self, record: &Value) -> &mut RowState {
        let index = index(record["row"].as_u64().unwrap_or_default());
        if self.rows.len() <= index {
            self.rows.resize(index + 1, RowState::default());
        }
        &mut self.rows[index]
    }
}

fn index(row: u64) -> usize {
    usize::try_from(row).expect("a simulated sheet is short")
}
