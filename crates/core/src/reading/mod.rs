//! What is made of inputs as a whole: the one [reading](plan_rows) that fills the job file, what [options](propose) an input
//! seems to want, exports, and sheets of decisions that come back.

mod export;
mod plan_rows;
mod proposal;
mod returned;
mod row_reader;

pub use export::{ExportError, export_input, export_ledger};
pub(crate) use plan_rows::plan_scanned_rows;
pub use plan_rows::{ReadRowsError, number_rows, plan_rows};
pub(crate) use proposal::likely_encoding;
pub use proposal::{Guess, Proposal, Sample, propose};
pub use returned::{DecisionsError, NamedRow, Recorded, decisions, named_rows};
pub(crate) use row_reader::RowReader;
