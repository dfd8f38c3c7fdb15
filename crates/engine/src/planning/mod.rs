//! Decides what happens to each row of an input, based on the ledger and other known rows: over neutral
//! [rows](Row), without I/O.
//!
//! An input is read once. A [`Planner`] gets its rows, counts them, and returns a record for the [job
//! file](JobFileWriter) where one is needed. Decisions that need the whole input are made over the job file:
//! which rows may be [edits](hold_edits) of posted ones, and which are [known](skip_known) to other ledgers.
//! Posting reads only the job file ([`PendingJobs`]). An endless stream is [followed](Follow): its rows are
//! posted as they arrive.

mod exclusion;
mod follow;
mod identity;
mod job_file;
mod jobs;
mod planner;
mod profile;
mod row;

pub use follow::Follow;
pub use identity::{RowKeys, presence_changes, tickets_of_vanished};
pub use job_file::{JobFileError, JobFileReader, JobFileWriter, JobRecord, UnusableRow};
pub use jobs::{Jobs, PendingJobs, for_each_to_do, hold_edits, next_excluded, repeated_contents, skip_known};
pub use planner::{Planner, ReadPolicy, ReadSummary, RowNote, SampleSizes};
pub use profile::{Lengths, Profile, Reason};
pub use row::{Content, Defect, Row};

#[cfg(test)]
mod tests;
