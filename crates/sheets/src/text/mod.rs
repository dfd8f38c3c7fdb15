//! Texts: unpacked where they are gzip, decoded where they are marked or said to be anything but UTF-8, and CSV.
//!
//! No encoding is guessed. What separates a CSV's cells is taken from its header, where that leaves no doubt. Memory does not
//! depend on a text's length: a record over a bound (most often a quote that is never closed) is read past, not kept. That is why [`csv_core`] is driven here
//! directly: the csv crate's own reader lets a record grow without end.

mod csv;
mod decode;
mod delimiter;
mod error;
mod gzip;
mod header;
mod line_ends;
mod quotes;
pub(crate) mod source;

pub use csv::{Reader as CsvReader, Record as CsvRecord};
pub use decode::{Encoding, UnknownEncoding, legacy_hint};
pub use delimiter::{Delimiter, UnknownDelimiter};
pub(crate) use error::encoding_advice;
pub use error::{HeaderError, Listed, TextError};
pub use gzip::{GZIP_MAGIC, read_start, unpack_to};
pub use header::{Known, open as open_csv};
pub use source::Source;
