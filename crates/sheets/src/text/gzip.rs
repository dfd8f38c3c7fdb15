//! Reads the stored bytes of an input and unpacks them if they are gzip.

use std::io::{ErrorKind, Read, Write};

use flate2::{Decompress, FlushDecompress, Status};

use super::error::TextError;

/// The first bytes of every gzip file.
pub const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const PACKED_BYTES: usize = 32 * 1024;
/// Base-2 logarithm of the largest window that deflate has.
const WINDOW_BITS: u8 = 15;

/// Unpacks `source` into `out` if it is gzip; otherwise returns `false` and writes nothing.
///
/// # Errors
///
/// If the source is cut off or damaged, unpacks to more than `most_bytes`, or cannot be read, or if `out` cannot be
/// written.
pub fn unpack_to(source: impl Read, out: &mut impl Write, most_bytes: u64) -> Result<bool, TextError> {
    let mut bytes = Bytes::open(source)?;
    if !bytes.is_compressed() {
        return Ok(false);
    }
    let mut buffer = vec![0; PACKED_BYTES];
    let mut unpacked_bytes = 0;
    loop {
        let read = bytes.read(&mut buffer)?;
        if read == 0 {
            out.flush().map_err(TextError::NotUnpacked)?;
            return Ok(true);
        }
        unpacked_bytes += read as u64;
        if unpacked_bytes > most_bytes {
            return Err(TextError::GzipTooLong { most_bytes });
        }
        out.write_all(&buffer[..read]).map_err(TextError::NotUnpacked)?;
    }
}

/// Reads the first bytes of `source`, unpacked if they are gzip, into `start`. Returns their number.
///
/// # Errors
///
/// As for [`unpack_to`], for the part that was read.
pub fn read_start(source: impl Read, start: &mut [u8]) -> Result<usize, TextError> {
    let mut bytes = Bytes::open(source)?;
    let mut at_hand = 0;
    while at_hand < start.len() {
        match bytes.read(&mut start[at_hand..])? {
            0 => break,
            read => at_hand += read,
        }
    }
    Ok(at_hand)
}

/// The bytes of a source, unpacked if it is gzip.
#[derive(Debug)]
pub(crate) struct Bytes<R> {
    raw: Raw<R>,
    gunzip: Option<Box<Gunzip>>,
}

impl<R: Read> Bytes<R> {
    pub(crate) fn open(inner: R) -> Result<Self, TextError> {
        let mut raw = Raw::new(inner);
        let mut head = [0; GZIP_MAGIC.len()];
        let mut at_hand = 0;
        while at_hand < head.len() {
            match raw.read(&mut head[at_hand..])? {
                0 => break,
                read => at_hand += read,
            }
        }
        (raw.head, raw.head_bytes) = (head, at_hand);
        let gunzip = (head[..at_hand] == GZIP_MAGIC).then(Box::default);
        Ok(Self { raw, gunzip })
    }

    /// The bytes of a source, never unpacked.
    pub(crate) fn as_they_are(inner: R) -> Self {
        Self { raw: Raw::new(inner), gunzip: None }
    }

    /// Fills a part of `buffer`, which must not be empty. Returns 0 at the end; the source has then been read to its
    /// end too.
    #[inline]
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TextError> {
        match &mut self.gunzip {
            None => self.raw.read(buffer),
            Some(gunzip) => gunzip.read(&mut self.raw, buffer),
        }
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.gunzip.is_some()
    }

    pub(crate) fn get_ref(&self) -> &R {
        &self.raw.inner
    }
}

/// The source itself.
#[derive(Debug)]
struct Raw<R> {
    inner: R,
    /// The first bytes, read to detect gzip. They are returned first.
    head: [u8; 2],
    head_bytes: usize,
    /// Number of bytes read from the source.
    byte: u64,
    /// The source has ended. It is not read again: a terminal would start anew.
    ended: bool,
}

impl<R: Read> Raw<R> {
    fn new(inner: R) -> Self {
        Self { inner, head: [0; 2], head_bytes: 0, byte: 0, ended: false }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TextError> {
        if self.head_bytes > 0 {
            let given = self.head_bytes.min(buffer.len());
            buffer[..given].copy_from_slice(&self.head[..given]);
            self.head.rotate_left(given);
            self.head_bytes -= given;
            return Ok(given);
        }
        while !self.ended {
            match self.inner.read(buffer) {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    self.byte += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(TextError::Read { byte: self.byte, source }),
            }
        }
        Ok(0)
    }
}

/// Unpacks gzip: one or more members, as `cat a.gz b.gz` makes them, and nothing after the last.
///
/// flate2's own reader of several members is not used: it gives the same error for a damaged member and for other data
/// after the last one, and it reports no position.
#[derive(Debug)]
struct Gunzip {
    packed: Box<[u8]>,
    start: usize,
    end: usize,
    /// The decompressor of the current member.
    inflate: Decompress,
    between_members: bool,
    /// An error to return after the bytes unpacked before it.
    fault: Option<TextError>,
}

impl Default for Gunzip {
    fn default() -> Self {
        Self {
            packed: vec![0; PACKED_BYTES].into(),
            start: 0,
            end: 0,
            inflate: Decompress::new_gzip(WINDOW_BITS),
            between_members: false,
            fault: None,
        }
    }
}

impl Gunzip {
    fn read<R: Read>(&mut self, raw: &mut Raw<R>, buffer: &mut [u8]) -> Result<usize, TextError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        loop {
            if self.between_members {
                if self.start == self.end && !self.refill(raw)? {
                    return Ok(0);
                }
                if self.packed[self.start] != GZIP_MAGIC[0] {
                    return Err(TextError::AfterGzip { byte: self.byte(raw) });
                }
                self.inflate = Decompress::new_gzip(WINDOW_BITS);
                self.between_members = false;
            }
            // Called before a refill: it may still have output that did not fit into the previous buffer.
            let (used, made) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(&self.packed[self.start..self.end], buffer, FlushDecompress::None);
            self.start += (self.inflate.total_in() - used) as usize;
            let made = (self.inflate.total_out() - made) as usize;
            match status {
                Ok(Status::StreamEnd) => self.between_members = true,
                Ok(Status::Ok | Status::BufError) => {}
                Err(_) => {
                    let fault = TextError::GzipDamaged { byte: self.byte(raw) };
                    if made == 0 {
                        return Err(fault);
                    }
                    self.fault = Some(fault);
                }
            }
            if made > 0 {
                return Ok(made);
            }
            if !self.between_members && self.start == self.end && !self.refill(raw)? {
                return Err(TextError::GzipCutOff);
            }
        }
    }

    fn refill<R: Read>(&mut self, raw: &mut Raw<R>) -> Result<bool, TextError> {
        (self.start, self.end) = (0, raw.read(&mut self.packed)?);
        Ok(self.end > 0)
    }

    /// Offset in the source of the next byte to unpack.
    fn byte<R>(&self, raw: &Raw<R>) -> u64 {
        raw.byte - raw.head_bytes as u64 - (self.end - self.start) as u64
    }
}

/// Compresses `bytes` as one gzip member.
#[cfg(test)]
pub(crate) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    member.write_all(bytes).unwrap();
    member.finish().unwrap()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::source::Pieces;
    use super::*;

    /// Reads `bytes` in pieces of `size`. Returns the unpacked bytes and the final error, if any.
    fn read(bytes: &[u8], size: usize) -> (Vec<u8>, Option<String>) {
        let mut out = Vec::new();
        let mut buffer = [0; 100];
        let mut bytes = match Bytes::open(Pieces::new(bytes, vec![size])) {
            Ok(bytes) => bytes,
            Err(error) => return (out, Some(error.to_string())),
        };
        loop {
            match bytes.read(&mut buffer) {
                Ok(0) => {
                    assert!(bytes.get_ref().is_empty(), "the source is read to its end");
                    return (out, None);
                }
                Ok(read) => out.extend_from_slice(&buffer[..read]),
                Err(error) => return (out, Some(error.to_string())),
            }
        }
    }

    /// Like `read`, in pieces of several sizes with the same result.
    fn unpacked(bytes: &[u8]) -> (Vec<u8>, Option<String>) {
        let all = read(bytes, 1 << 20);
        for size in [1, 2, 3, 50] {
            assert_eq!(read(bytes, size), all, "in pieces of {size}");
        }
        all
    }

    fn text() -> Vec<u8> {
        (0..2000_u32).flat_map(|i| format!("{},{:x}\n", i, i.wrapping_mul(2_654_435_761)).into_bytes()).collect()
    }

    #[test]
    fn members_are_unpacked_one_after_the_other() {
        let members = [packed(b"Ticket,"), packed(b""), packed(&text())].concat();
        assert_eq!(unpacked(&members), ([&b"Ticket,"[..], &text()].concat(), None));
        assert_eq!(unpacked(&packed(b"")), (Vec::new(), None));
    }

    #[test]
    fn what_is_cut_off_damaged_or_followed_by_something_else_says_so() {
        let whole = packed(&text());
        let cut = "the input is compressed (gzip) and cut off before its end; get a complete copy";
        for end in [2, 5, 11, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
            let (out, error) = unpacked(&whole[..end]);
            assert_eq!(error.as_deref(), Some(cut), "{end}");
            assert!(text().starts_with(&out));
        }
        let after = |byte| {
            format!("the input is compressed (gzip), and other data follows from byte {byte} on; unpack and check it")
        };
        assert_eq!(unpacked(&[&whole[..], b"\n"].concat()), (text(), Some(after(whole.len()))));
        assert_eq!(unpacked(&[&whole[..], &[0; 512]].concat()), (text(), Some(after(whole.len()))));
        for place in [3, whole.len() / 2, whole.len() - 6, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[place] ^= 0xff;
            let error = unpacked_with_error(&damaged);
            assert!(error.starts_with("the input is compressed (gzip) and damaged at or before byte "), "{error}");
        }
    }

    #[test]
    fn what_is_unpacked_elsewhere_has_a_bound_and_the_same_errors() {
        let unpacked = |bytes: &[u8], most_bytes| {
            let mut out = Vec::new();
            match unpack_to(bytes, &mut out, most_bytes) {
                Ok(packed) => (packed, out.len(), String::new()),
                Err(error) => (true, out.len(), error.to_string()),
            }
        };
        let whole = packed(&text());
        let length = text().len();
        assert_eq!(unpacked(&whole, length as u64), (true, length, String::new()));
        assert_eq!(unpacked(b"plain", 0), (false, 0, String::new()));
        let (_, written, error) = unpacked(&packed(&vec![0; 10_000_000]), 1_000_000);
        assert!(written <= 1_000_000 && error.contains("more than 1000000 bytes"), "{written} {error}");
        assert!(unpacked(&[&whole[..], b"x"].concat(), 1 << 20).2.contains("other data follows"));
        assert!(unpacked(&whole[..whole.len() - 1], 1 << 20).2.contains("cut off"));
    }

    #[test]
    fn the_start_is_read_whether_packed_or_not_and_may_be_short() {
        let start = |bytes: &[u8]| {
            let mut start = [0; 4];
            read_start(bytes, &mut start).map(|read| start[..read].to_vec()).map_err(|error| error.to_string())
        };
        assert_eq!(start(b"Ticket"), Ok(b"Tick".to_vec()));
        assert_eq!(start(&[packed(b"Ti"), packed(b"cket")].concat()), Ok(b"Tick".to_vec()));
        assert_eq!(start(&packed(b"Ti")), Ok(b"Ti".to_vec()));
        assert!(start(&packed(b"Ticket")[..12]).unwrap_err().contains("cut off"));
    }

    /// Returns only the error: if a block is damaged, how much is unpacked before it depends on the pieces.
    fn unpacked_with_error(bytes: &[u8]) -> String {
        read(bytes, 7).1.expect("damage is found")
    }

    proptest! {
        #[test]
        fn packed_bytes_come_out_as_they_went_in(
            bytes in prop::collection::vec(any::<u8>(), 0..500),
            size in 1_usize..40,
        ) {
            prop_assert_eq!(read(&packed(&bytes), size), (bytes.clone(), None));
            prop_assume!(!bytes.starts_with(&GZIP_MAGIC));
            prop_assert_eq!(read(&bytes, size), (bytes, None));
        }
    }
}
