//! Operations on whole inputs: [reading](plan_rows) one into the job file, [proposing](propose) options for it,
//! exporting it, and reading back a sheet of decisions.

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
