//! batchpost: posts every row of a spreadsheet to a rate-limited API.

pub mod input;
pub mod job;
pub mod limit;
pub mod transport;
