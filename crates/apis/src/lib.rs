//! The ticketing APIs that batchpost posts to. Each is an [`Api`](batchpost_engine::api::Api): the requests of notes,
//! the meaning of replies, limits and keys. Nothing here sends anything.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod leadsquared;
