//! Counts of events, to notice when a simulation no longer tests something.

use std::collections::BTreeMap;
use std::fmt;

/// Events by kind and name, with the number of histories that had the event and the number of its
/// occurrences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<(&'static str, &'static str), (u64, u64)>);

impl Coverage {
    /// Counts an event of this history.
    pub fn saw(&mut self, kind: &'static str, name: &'static str) {
        let (histories, times) = self.0.entry((kind, name)).or_default();
        *histories = 1;
        *times += 1;
    }

    /// Adds the events of another history.
    pub fn add(&mut self, other: &Self) {
        for (what, (histories, times)) in &other.0 {
            let sum = self.0.entry(*what).or_default();
            sum.0 += histories;
            sum.1 += times;
        }
    }

    /// The number of occurrences of the event.
    pub fn times(&self, kind: &'static str, name: &'static str) -> u64 {
        self.0.get(&(kind, name)).map_or(0, |(_, times)| *times)
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<44} {:>9} {:>10}", "", "histories", "times")?;
        for ((kind, name), (histories, times)) in &self.0 {
            writeln!(f, "{:<44} {histories:>9} {times:>10}", format!("{kind}: {name}"))?;
        }
        Ok(())
    }
}
