//! What a run is asked for.

use std::path::PathBuf;

use crate::input::Options;
use crate::leadsquared::Form;
use crate::reading::{Ask, Named};
use crate::settings::Settings;

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, read twice.
    File(PathBuf),
    /// Standard input, read once.
    Stdin,
}

/// What a run is asked for.
#[derive(Debug, Clone)]
pub struct Order {
    /// Where the rows come from.
    pub source: Source,
    /// How they are written, and what is made of them.
    pub options: Options,
    /// Where the ledger is, or is to be.
    pub ledger: PathBuf,
    /// What is to be posted, and what to do with rows in doubt.
    pub ask: Ask,
    /// What a note's request looks like.
    pub form: Form,
    /// How to post.
    pub settings: Settings,
    /// Name and version of the program, for the ledger.
    pub tool: String,
    /// How many rows the survey names.
    pub named: Named,
    /// The folder whose ledgers are asked for rows to send that they know; by default the ledger's own.
    pub history: Option<PathBuf>,
    /// The folder in which the budgets are kept that runs share. None will do for a run without a limit, or with a
    /// [private](crate::settings::Sharing) budget.
    pub state: Option<PathBuf>,
}

/// What may be done with a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Look only: nothing is locked, mended or written.
    Look,
    /// Post: no other run may use it.
    Post,
}
