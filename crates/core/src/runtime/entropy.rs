//! Randomness of the system, for ids and seeds.

use std::hash::{BuildHasher, RandomState};

/// Returns a random number that differs between processes: the standard library seeds its maps with the
/// system's randomness.
pub(crate) fn entropy() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
