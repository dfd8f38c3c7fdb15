//! Decodes text in other encodings than UTF-8. The encoding comes from the caller or a byte order mark and is never
//! guessed.

use std::fmt;
use std::io::Read;

use encoding_rs::DecoderResult;

use super::encoding::Encoding;
use super::error::TextError;
use super::gzip::Bytes;

const RAW_BYTES: usize = 32 * 1024;
/// The space needed for any character and for what a decoder may write with it.
pub(crate) const LEAST_ROOM_BYTES: usize = 32;

/// Converts an input to UTF-8. A byte order mark is treated as an ordinary character.
pub(crate) struct Decoding {
    encoding: Encoding,
    decoder: encoding_rs::Decoder,
    raw: Box<[u8]>,
    start: usize,
    end: usize,
    /// Offset of the byte at `start`.
    byte: u64,
    ended: bool,
    /// The decoder has written its last output.
    finished: bool,
    /// An error to return after the text decoded before it.
    fault: Option<TextError>,
}

impl fmt::Debug for Decoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoding").field("encoding", &self.encoding).field("byte", &self.byte).finish_non_exhaustive()
    }
}

impl Decoding {
    /// Creates a decoder. `first` are the bytes of the input that were already read.
    pub(crate) fn new(encoding: Encoding, first: &[u8]) -> Self {
        let mut raw = vec![0; RAW_BYTES.max(first.len())];
        raw[..first.len()].copy_from_slice(first);
        Self {
            encoding,
            decoder: encoding.0.new_decoder_without_bom_handling(),
            raw: raw.into(),
            start: 0,
            end: first.len(),
            byte: 0,
            ended: false,
            finished: false,
            fault: None,
        }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Fills a part of `text`, which has at least [`LEAST_ROOM_BYTES`], with whole characters. Returns 0 at the end.
    pub(crate) fn read<R: Read>(&mut self, bytes: &mut Bytes<R>, text: &mut [u8]) -> Result<usize, TextError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        while !self.finished {
            if self.start == self.end && !self.ended {
                (self.start, self.end) = (0, bytes.read(&mut self.raw)?);
                self.ended = self.end == 0;
            }
            let raw = &self.raw[self.start..self.end];
            let (result, used, written) = self.decoder.decode_to_utf8_without_replacement(raw, text, self.ended);
            self.start += used;
            self.byte += used as u64;
            match result {
                DecoderResult::InputEmpty => self.finished = self.ended,
                DecoderResult::OutputFull => debug_assert!(written > 0, "there is room for a character"),
                DecoderResult::Malformed(bad, after) => {
                    let byte = self.byte - u64::from(bad) - u64::from(after);
                    let fault = TextError::Malformed { encoding: self.encoding, byte };
                    if written == 0 {
                        return Err(fault);
                    }
                    self.fault = Some(fault);
                }
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

/// Returns the most likely encoding of `bytes`, or `None` if they are valid UTF-8. For messages only: for short texts
/// it is wrong too often to decode by it.
pub fn legacy_hint(bytes: &[u8]) -> Option<&'static str> {
    use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
    // The letters around the invalid byte reveal the encoding; a part of a long text is enough.
    const BEFORE_BYTES: usize = 16;
    const AFTER_BYTES: usize = 64;
    let first = std::str::from_utf8(bytes).err()?.valid_up_to();
    let around = first.saturating_sub(BEFORE_BYTES)..bytes.len().min(first + AFTER_BYTES);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&bytes[around], true);
    Some(detector.guess(None, Utf8Detection::Deny).name())
}

/// Returns the UTF-16 variant that `bytes` most likely are: in English text, every second byte is NUL. `first` is the
/// offset of `bytes`.
pub(crate) fn utf16_hint(bytes: &[u8], first: u64) -> Option<&'static str> {
    let mut nuls = memchr::memchr_iter(0, bytes).map(|place| (first + place as u64) % 2);
    let parity = nuls.next()?;
    nuls.all(|other| other == parity).then_some(if parity == 1 { "utf-16le" } else { "utf-16be" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::source::Pieces;
    use super::*;

    /// Decodes `bytes` in pieces of `size`. Returns the text and the final error, if any.
    fn read(bytes: &[u8], encoding: &str, size: usize, room: usize) -> (String, Option<String>) {
        let mut bytes = Bytes::open(Pieces::new(bytes, vec![size])).unwrap();
        let mut decoding = Decoding::new(encoding.parse().unwrap(), b"");
        let (mut text, mut buffer) = (Vec::new(), vec![0; room]);
        let error = loop {
            match decoding.read(&mut bytes, &mut buffer) {
                Ok(0) => break None,
                Ok(read) => text.extend_from_slice(&buffer[..read]),
                Err(error) => break Some(error.to_string()),
            }
        };
        (String::from_utf8(text).unwrap(), error)
    }

    /// Like `read`, in pieces of several sizes with the same result.
    fn decoded(bytes: &[u8], encoding: &str) -> (String, Option<String>) {
        let all = read(bytes, encoding, 1 << 20, 1 << 20);
        for size in [1, 2, 3, 7] {
            assert_eq!(read(bytes, encoding, size, LEAST_ROOM_BYTES), all, "in pieces of {size}");
        }
        all
    }

    #[test]
    fn encodings_go_by_their_labels_and_survive_text_and_json() {
        for (label, name) in [
            ("windows-1252", "windows-1252"),
            ("CP1252", "windows-1252"),
            ("latin1", "windows-1252"),
            ("utf-16le", "UTF-16LE"),
            ("utf8", "UTF-8"),
            ("shift_jis", "Shift_JIS"),
        ] {
            let encoding: Encoding = label.parse().unwrap();
            assert_eq!(encoding.to_string(), name);
            assert_eq!(name.parse(), Ok(encoding));
            let json = serde_json::to_string(&encoding).unwrap();
            assert_eq!(json, format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<Encoding>(&json).unwrap(), encoding);
        }
        // The Encoding Standard knows the last label only to reject it.
        for label in ["", "ansi", "utf-32", "iso-2022-kr"] {
            let error = label.parse::<Encoding>().unwrap_err().to_string();
            assert!(error.contains("windows-1252") && error.contains(&format!("{label:?}")), "{error}");
        }
    }

    #[test]
    fn text_is_decoded_to_the_letter() {
        for (bytes, encoding, text) in [
            (&b"Gr\xfc\xdfe \x80"[..], "windows-1252", "Grüße €"),
            (b"G\0r\0\xfc\0\x3d\xd8\x00\xde", "utf-16le", "Grü😀"),
            (b"\0G\0r\0\xfc\xd8\x3d\xde\x00", "utf-16be", "Grü😀"),
            (b"\x82\xa0\x83\\", "shift_jis", "あソ"),
            (b"", "utf-16le", ""),
        ] {
            assert_eq!(decoded(bytes, encoding), (text.to_owned(), None));
        }
    }

    #[test]
    fn what_is_not_in_the_encoding_is_an_error_with_its_place_and_nothing_is_put_in_its_stead() {
        for (bytes, encoding, text, byte) in [
            (&b"a\0b\0\x00\xd8c\0"[..], "utf-16le", "ab", 4),
            (b"a\0b\0\x00\xdc", "utf-16le", "ab", 4),
            (b"a\0b", "utf-16le", "a", 2),
            (b"abc\x82\n", "shift_jis", "abc", 3),
            (b"abc\xff\xff", "euc-jp", "abc", 3),
        ] {
            let (before, error) = decoded(bytes, encoding);
            assert_eq!(before, text, "{bytes:?}");
            let name = encoding.parse::<Encoding>().unwrap();
            let wanted = format!(
                "the input is not valid {name} from byte {byte} on; check that it is complete, and its encoding"
            );
            assert_eq!(error, Some(wanted), "{bytes:?}");
        }
    }

    #[test]
    fn a_hint_is_for_what_is_not_utf8() {
        assert_eq!(legacy_hint(b"R\xfcckruf vereinbart, Gr\xfc\xdfe"), Some("windows-1252"));
        assert_eq!(legacy_hint(&[&[b'x'; 10_000][..], b" Gr\xfc\xdfe"].concat()), Some("windows-1252"));
        for bytes in [&b""[..], b"plain", "Grüße".as_bytes()] {
            assert_eq!(legacy_hint(bytes), None);
        }
    }

    #[test]
    fn the_places_of_nul_bytes_tell_which_utf16_it_is() {
        for (bytes, first, hint) in [
            (&b"T\0i\0"[..], 0, Some("utf-16le")),
            (b"T\0i\0", 7, Some("utf-16be")),
            (b"\0T\0i", 0, Some("utf-16be")),
            (b"\x22\x04;\0", 0, Some("utf-16le")),
            (b"a\0\0b", 0, None),
            (b"ab", 0, None),
        ] {
            assert_eq!(utf16_hint(bytes, first), hint, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn utf16_gives_the_text_that_it_was_made_of(
            text in ".{0,60}",
            size in 1_usize..9,
            room in LEAST_ROOM_BYTES..80,
        ) {
            let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            prop_assert_eq!(read(&le, "utf-16le", size, room), (text.clone(), None));
            prop_assert_eq!(read(&be, "utf-16be", size, room), (text, None));
        }
    }
}
