//! What is made of inputs as a whole: the one [reading](survey) that fills the job file, what [options](propose) an input
//! seems to want, exports, and sheets of decisions that come back.

mod export;
mod proposal;
mod returned;
mod scan;
mod survey;

pub use export::{ExportError, export_input, export_ledger};
pub(crate) use proposal::likely_encoding;
pub use proposal::{Guess, Proposal, Sample, propose};
pub use returned::{DecisionsError, NamedRow, Recorded, decisions, named_rows};
pub(crate) use scan::Scan;
pub(crate) use survey::survey_scanned;
pub use survey::{SurveyError, number_rows, survey};
