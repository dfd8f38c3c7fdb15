//! The buffer for one record of a text, up to a length bound.

/// A record, up to a length bound.
#[derive(Debug)]
pub(crate) struct BoundedBuf {
    /// The record, truncated to one byte more than the bound.
    bytes: Vec<u8>,
    bound_bytes: usize,
}

impl BoundedBuf {
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

    /// The record, if it is within the bound.
    pub(crate) fn get(&self) -> Option<&[u8]> {
        (self.bytes.len() <= self.bound_bytes).then_some(&self.bytes[..])
    }

    /// The record, truncated if it is over the bound.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn bound_bytes(&self) -> usize {
        self.bound_bytes
    }

    /// Removes a carriage return from the end. A truncated record may end in one by chance; it is over the bound in
    /// either case and keeps it.
    pub(crate) fn trim_return(&mut self) {
        if self.bytes.len() <= self.bound_bytes && self.bytes.ends_with(b"\r") {
            self.bytes.pop();
        }
    }
}
