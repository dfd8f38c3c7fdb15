//! One record of a text, as much of it as is kept.

use crate::job::Key;

/// A record, as much of it as the bound allows.
#[derive(Debug)]
pub(super) struct Kept {
    /// The record; of a longer one, the bound and a byte.
    bytes: Vec<u8>,
    bound_bytes: usize,
}

impl Kept {
    pub(super) fn new(bound_bytes: usize) -> Self {
        Self { bytes: Vec::new(), bound_bytes }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(super) fn push(&mut self, part: &[u8]) {
        let room = self.bound_bytes.saturating_add(1) - self.bytes.len();
        self.bytes.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// The record, if it keeps the bound.
    pub(super) fn get(&self) -> Option<&[u8]> {
        (self.bytes.len() <= self.bound_bytes).then_some(&self.bytes[..])
    }

    /// What was kept of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn bound_bytes(&self) -> usize {
        self.bound_bytes
    }

    /// Takes a return off its end, where one is. Of a record that was cut off, it may be any; that is over the bound with
    /// or without it.
    pub(super) fn trim_return(&mut self) {
        if self.bytes.len() <= self.bound_bytes && self.bytes.ends_with(b"\r") {
            self.bytes.pop();
        }
    }

    /// The key of a record of which no job can be made.
    pub(super) fn key(&self) -> Key {
        Key::of_invalid(std::iter::once(&self.bytes[..]))
    }
}
