//! The ticketing APIs that batchpost posts to. Each is a [`Target`](batchpost_engine::target::Target): what a note's
//! request is, what a reply means, which limits and keys there are. Nothing here sends anything.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod leadsquared;
