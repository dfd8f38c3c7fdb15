//! Reads exports (CSV, JSON, workbooks), record by record, into rows to post.
//!
//! A broken record is a row of its own, [`Content::Invalid`] with its reason, and reading goes on after it; only
//! what makes the whole input useless is an [`InputError`]. Records are counted and placed ([`Position`]) as a
//! person finds them in the file. A text is handed on as it stands in its cell, to the byte, or as the sheet shows it,
//! unless a template makes it or it is cut to a length, where that is asked for.
//!
//! A text may be gzip, and in another encoding than UTF-8 where it is marked or said to be; no encoding is guessed.
//! What separates a CSV's cells is taken from its header, where that leaves no doubt.
//!
//! Of a text, memory does not depend on the length: a record longer than [`Options::record_bound_bytes`] (most often a
//! quote that is never closed) is read past, not kept. Of workbooks the shared texts are held, of XLS all cells, and a
//! [`LookupTable`] is held whole.
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
