//! batchpost: posts every row of a spreadsheet to a rate-limited API.

pub mod engine;
pub mod input;
pub mod job;
pub mod leadsquared;
pub mod ledger;
pub mod limit;
pub mod limiter;
pub mod outcome;
pub mod reading;
pub mod retry;
pub mod settings;
pub mod shell;
pub mod storage;
pub mod transport;
