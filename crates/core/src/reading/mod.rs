//! What an existing ledger makes of each row of an input.
//!
//! An input is read once ([`survey`]). Everything is counted, nothing is sent, and what may be sent goes into a
//! [job file](JobFileWriter), in order. What can be decided only when all was read (which rows may be [edits](hold_edits)
//! of posted ones, which are [known](skip_known) to other ledgers) is decided over the job file, and posting reads
//! nothing else ([`Feed`]). A stream that does not end is [followed](Follow): its rows are posted as they come.

mod export;
mod follow;
mod identity;
mod job_file;
mod jobs;
mod profile;
mod proposal;
mod returned;
mod scan;
mod setting_aside;
mod survey;

pub use export::{ExportError, export_input, export_ledger};
pub use follow::Follow;
pub use identity::{number_rows, presence_changes, tickets_of_vanished};
pub use job_file::{Excluded, JobFileError, JobFileReader, JobFileWriter, JobRecord};
pub use jobs::{Feed, Jobs, for_each_to_do, hold_edits, next_aside, repeated_contents, skip_known};
pub use profile::{Lengths, Profile, Reason};
pub(crate) use proposal::likely_encoding;
pub use proposal::{Guess, Proposal, Sample, propose};
pub use returned::{DecisionsError, NamedRow, Recorded, decisions, named_rows};
pub(crate) use scan::Scan;
pub(crate) use survey::survey_scanned;
pub use survey::{Ask, Named, RowNote, Survey, SurveyError, survey};

#[cfg(test)]
mod tests;
