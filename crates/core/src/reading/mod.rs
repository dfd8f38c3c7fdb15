//! What an existing ledger makes of each row of an input.
//!
//! A file is read twice through one handle. The first reading ([`survey`]) counts everything and sends nothing; the
//! second ([`Feed`]) gives the engine what is to do, and a row that the first one did not see ends the run. It begins
//! with the first row with which there is something to do (where the format lets it), and at the end compares the hash of
//! all bytes. A stream is read once, by the feed alone.

mod elsewhere;
mod export;
mod feed;
mod identity;
mod profile;
mod proposal;
mod returned;
mod scan;
mod setting_aside;
mod start;
mod survey;

pub use elsewhere::{known_by_content, known_elsewhere, skip_known, skip_rows};
pub use export::{ExportError, export_input, export_ledger};
pub use feed::{Fed, Feed, FeedError, record_asides};
pub use identity::{number_rows, presence_changes};
pub use profile::{Lengths, Profile, Reason};
pub(crate) use proposal::likely_encoding;
pub use proposal::{Guess, Proposal, Sample, propose};
pub use returned::{DecisionsError, NamedRow, Recorded, decisions, named_rows};
pub(crate) use scan::{Scan, Scanned, Scanning};
pub(crate) use survey::survey_scanned;
pub use survey::{Ask, Named, Past, RowNote, Survey, survey};

#[cfg(test)]
mod tests;
