//! What a ledger, and what others know, make of each row of an input: decided over neutral [rows](Row), without I/O.
//!
//! An input is read once: a [`Planner`] is given its rows, counts everything, and says what of each goes into the
//! [job file](JobFileWriter). What can be decided only when all was read (which rows may be [edits](hold_edits) of posted
//! ones, which are [known](skip_known) to other ledgers) is decided over the job file, and posting reads nothing else
//! ([`PendingJobs`]). A stream that does not end is [followed](Follow): its rows are posted as they come.

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
