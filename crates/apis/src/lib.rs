//! The ticketing APIs that batchpost posts to. Each is an [`Api`](batchpost_engine::api::Api): what a note's
//! request is, what a reply means, which limits and keys there are. Nothing here sends anything.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod leadsquared;
