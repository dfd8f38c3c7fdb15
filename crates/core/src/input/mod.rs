//! Reads an input (CSV, JSON or workbook) record by record into rows to post.
//!
//! A broken record is a row of its own, [`Content::Invalid`] with its reason, and reading continues after it. Only a
//! fault of the input as a whole is an [`InputError`]. Records are numbered and located ([`Position`]) as a person
//! finds them in the file. A text is used byte for byte as in its cell, or as the sheet shows it, unless a template
//! creates it or the requested maximum length truncates it.
//!
//! A text input may be compressed with gzip. Its encoding is UTF-8 unless a byte order mark or the options name another
//! one; it is never guessed. The delimiter of a CSV is taken from its header if only one fits.
//!
//! For text inputs, memory does not depend on the length: a record longer than [`Options::record_bound_bytes`] (most
//! often because a quote is never closed) is skipped. The shared texts of a workbook, all cells of an XLS file, and a
//! [`LookupTable`] are kept in memory.
//!
//! ```
//! use batchpost::input::{Content, Format, Options, Rows};
//!
//! let export = "Ticket ID,Comment\r\n143,\"Called back, all well\"\r\n";
//! let mut rows = Rows::open(export.as_bytes(), &Options::new(Format::Csv).into())?;
//! assert_eq!(rows.mapping().text, ["Comment"]);
//! while let Some(row) = rows.next()? {
//!     match row.content {
//!         Content::Note { ticket, text, .. } => println!("{}: {ticket} gets {text:?}", row.position),
//!         Content::Invalid { reason, .. } => println!("{}: {reason}", row.position),
//!         Content::Blank => {}
//!     }
//! }
//! # Ok::<(), batchpost::input::InputError>(())
//! ```
//!
//! [`Position`]: crate::job::Position

#[cfg(test)]
mod brief;
mod columns;
mod count_rows;
mod error;
mod invalid_row;
mod layout;
mod note_builder;
mod options;
mod read_as;
mod reader_config;
mod rows;
mod shapes;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod ticket;

pub(crate) use batchpost_sheets::text::legacy_hint;
pub use batchpost_sheets::text::{Delimiter, Encoding, GZIP_MAGIC, Listed, TextError, read_start, unpack_to};
pub use batchpost_sheets::workbook::SheetError;
pub use batchpost_sheets::{Names, RecordError};
pub use columns::Mapping;
pub use count_rows::{RowCounts, count_rows};
pub use error::{InputError, OptionError};
pub use invalid_row::InvalidRow;
pub use layout::Layout;
pub use options::{ColumnChoice, Field, Format, MaxText, Options, TooLong};
pub use read_as::{ReadAs, ReadAsError};
pub use reader_config::ReaderConfig;
pub use rows::{Content, Row, Rows};
pub use shapes::{IdShapes, Shape};
pub(crate) use table::Table;
pub use template::{RenderError, Template, TemplateError};
pub use ticket::{LookupError, LookupSpec, LookupSpecError, LookupTable, NoTicket, PatternError, TicketPattern};
