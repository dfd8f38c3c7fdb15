//! The library by its public interface alone. What a crate's border cannot forbid is in `tidy`; `corpus` shares its
//! functions with the fuzz targets.

mod another_api;
mod formats;
mod old_ledgers;
