//! The ticketing APIs that batchpost posts to. Each implements [`Api`](batchpost_engine::api::Api): the
//! requests of notes, the meaning of replies, limits and keys. This crate sends nothing.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod leadsquared;
