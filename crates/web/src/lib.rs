//! Web pages: currently the [report] of a batch.
//!
//! A page is a function of what the library read from a ledger. It is self-contained: its style and script
//! are embedded, and it loads nothing.
//!
//! All markup is written with [maud](https://docs.rs/maud): mismatched tags do not compile, and every text is
//! escaped. Texts come from sheets, replies and other people's ledgers: on the whole page, invisible
//! characters are replaced by their codes.
//!
//! ```
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use batchpost::leadsquared::LeadSquared;
//! use batchpost::{api::Api, batch};
//! use batchpost_web::report::{OPENING, Page};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/batch.jsonl"));
//! let api: Arc<dyn Api> = Arc::new(LeadSquared);
//! let page = Page {
//!     overview: &batch::overview(path, &api)?,
//!     audit: &batch::audit(path)?,
//!     ledger: "batch.jsonl",
//!     steps: &[],
//!     export: &|outcome| format!("jq -c 'select(.outcome.stands == \"{outcome}\")' batch.jsonl"),
//! };
//! let html = page.html();
//! assert!(html.starts_with(OPENING) && html.contains("4 of 9 rows are posted."));
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod report;
mod visible;
pub mod words;
