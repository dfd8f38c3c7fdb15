//! Reads CSV, and the text of any input: unpacks gzip and decodes other encodings than UTF-8.
//!
//! The encoding is never guessed: it is UTF-8 unless a byte order mark or the caller names another one. The delimiter
//! of a CSV is taken from its header if only one fits.
//!
//! Memory does not depend on the length of the text. A record over the length bound, most often because a quote is
//! never closed, is skipped. For this reason [`csv_core`] is driven directly: the reader of the csv crate lets a record
//! grow without bound.

mod csv;
mod decode;
mod delimiter;
mod encoding;
mod error;
mod gzip;
mod header;
mod line_ends;
mod quotes;
pub(crate) mod source;

pub use csv::{Reader as CsvReader, Record as CsvRecord};
pub use decode::legacy_hint;
pub use delimiter::{Delimiter, UnknownDelimiter};
pub use encoding::{Encoding, UnknownEncoding};
pub(crate) use error::encoding_advice;
pub use error::{HeaderError, Listed, TextError};
pub use gzip::{GZIP_MAGIC, read_start, unpack_to};
pub use header::{CsvShape, open as open_csv};
pub use source::Source;
