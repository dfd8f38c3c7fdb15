//! Tests of the library through its public interface only. `tidy` checks what crate boundaries cannot
//! enforce; `corpus` shares its functions with the fuzz targets.

mod another_api;
mod formats;
mod known_rows;
mod old_ledgers;
