//! One module per command: resolve the arguments, call the library, print the result.

pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod init;
pub(crate) mod known;
pub(crate) mod man;
pub(crate) mod report;
mod resolve;
pub(crate) mod run;
pub(crate) mod salvage;
pub(crate) mod sandbox;
pub(crate) mod settle;
pub(crate) mod show;
pub(crate) mod status;

pub(crate) use resolve::SANDBOX;
