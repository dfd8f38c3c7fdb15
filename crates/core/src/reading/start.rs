//! Where the second reading begins: what stands before the first row with which there is something to do was looked at
//! once, and that will do.

use super::identity::{Met, Occurrences};
use crate::job::{KeyMap, Position};

/// Where the second reading begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Start {
    /// With the first row.
    #[default]
    First,
    /// With a later one. Those before it are marked in the standings.
    At(Box<Later>),
    /// Nowhere: there is nothing to do.
    Nowhere,
}

/// What a reading must know that begins with a later row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Later {
    pub(super) position: Position,
    /// Blank rows before it.
    pub(super) blank: u64,
    /// How often contents were met before it, where it was more than once.
    pub(super) repeats: KeyMap<u32>,
}

impl Start {
    /// With the row at `position` that `occurrences` has met last.
    pub(super) fn at(position: Position, blank: u64, occurrences: &Occurrences, met: Met) -> Self {
        Self::At(Box::new(Later { position, blank, repeats: occurrences.repeats_before(met) }))
    }
}
