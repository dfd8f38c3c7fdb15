//! One record of a text, as much of it as is kept.

/// A record, as much of it as the bound allows.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The record; of a longer one, the bound and a byte.
    bytes: Vec<u8>,
    bound_bytes: usize,
}

impl Kept {
    pub(crate) fn new(bound_bytes: usize) -> Self {
        Self { bytes: Vec::new(), bound_bytes }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn push(&mut self, part: &[u8]) {
        let room = self.bound_bytes.saturating_add(1) - self.bytes.len();
        self.bytes.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// The record, if it keeps the bound.
    pub(crate) fn get(&self) -> Option<&[u8]> {
        (self.bytes.len() <= self.bound_bytes).then_some(&self.bytes[..])
    }

    /// What was kept of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn bound_bytes(&self) -> usize {
        self.bound_bytes
    }

    /// Takes a return off its end, where one is. Of a record that was cut off, it may be any; that is over the bound with
    /// or without it.
    pub(crate) fn trim_return(&mut self) {
        if self.bytes.len() <= self.bound_bytes && self.bytes.ends_with(b"\r") {
            self.bytes.pop();
        }
    }
}
