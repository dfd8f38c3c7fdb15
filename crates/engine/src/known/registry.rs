//! The runs' shared state of an account's rows, and how a run compares its rows with it.

use super::candidates::{Candidates, Found};
use super::fold::KnownKeys;
use crate::job::Key;

/// The list of ledgers and claims of an account's runs. Each method reads the current state.
pub trait Registry {
    /// Identifies a listed ledger in messages.
    type Ledger: Clone + PartialEq;
    /// Why the registry cannot be used.
    type Error;

    /// The claims of other runs, and whether each run is alive.
    ///
    /// # Errors
    ///
    /// If the registry cannot be read.
    fn claims(&mut self) -> Result<Vec<Claimed<Self::Ledger>>, Self::Error>;

    /// Passes each ledger except the run's own to `each`, with what it knows, including ledgers of dead runs.
    /// A ledger that has not changed since the last call may be skipped, unless it is in `anew`.
    ///
    /// # Errors
    ///
    /// If the registry cannot be read. An unreadable ledger is passed to `each` with the reason.
    #[expect(clippy::type_complexity, reason = "one callback")]
    fn known(
        &mut self,
        anew: &[Self::Ledger],
        each: &mut dyn FnMut(Self::Ledger, Result<&KnownKeys, Unreadable>),
    ) -> Result<(), Self::Error>;
}

/// The claim of another run.
#[derive(Debug, Clone)]
pub struct Claimed<L> {
    /// Whether that run is alive.
    pub alive: bool,
    /// Whether the run may have sent anything.
    pub is_begun: bool,
    /// Its ledger.
    pub ledger: L,
    /// The keys of its rows, sorted.
    pub keys: Vec<Key>,
    /// When the claim was made, in seconds since 1970.
    pub since_s: u32,
    /// The latest time at which it may have sent anything, in seconds since 1970.
    pub until_s: u32,
}

/// A ledger that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The reason.
    pub why: String,
    /// What it knew when last read; `None` if it was never read.
    pub index: Option<KnownKeys>,
    /// Whether runs on it have ended since then.
    pub outdated: bool,
}

/// A ledger that knows rows of the current run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known<L> {
    /// The ledger.
    pub ledger: L,
    /// The rows it knows.
    pub found: Found,
    /// The number of rows with the name of a known row and other content. They are not known.
    pub other_content: u64,
}

/// An active run that sends rows of the current run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse<L> {
    /// Its ledger.
    pub ledger: L,
    /// The number of rows.
    pub rows: u64,
}

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look<L> {
    /// The ledgers of all other runs with claims.
    pub live: Vec<L>,
    /// Other runs that send rows of the current run.
    pub in_use: Vec<InUse<L>>,
    /// Ledgers that know rows of the current run.
    pub known: Vec<Known<L>>,
    /// Unreadable ledgers that may know further rows.
    pub unreadable: Vec<(L, String)>,
}

/// Compares the rows that a run may send with other runs' claims, and then with what other ledgers know.
/// Under the registry's lock the result stays valid; without the lock it is preliminary.
///
/// Rows sent before `since`, in seconds since 1970, are ignored. If a column names the jobs, `is_ours`
/// returns whether a row that the run may send has this name.
///
/// # Errors
///
/// If the registry cannot be read.
pub fn look<R: Registry>(
    registry: &mut R,
    candidates: &mut Candidates,
    since: u32,
    is_ours: &dyn Fn(Key) -> bool,
) -> Result<Look<R::Ledger>, R::Error> {
    // Claims first, then ledgers: see the module's docs.
    let mut claims = registry.claims()?;
    claims.iter_mut().for_each(|claim| claim.keys = candidates.among(&claim.keys));
    let in_use = claims.iter().filter(|claim| claim.alive && !claim.keys.is_empty());
    let anew: Vec<R::Ledger> = in_use.map(|claim| claim.ledger.clone()).collect();
    let live = claims.iter().filter(|claim| claim.alive).map(|claim| claim.ledger.clone()).collect();
    let mut look = Look { live, in_use: Vec::new(), known: Vec::new(), unreadable: Vec::new() };
    registry.known(&anew, &mut |ledger, known| {
        let of_index;
        let keys = match known {
            Ok(keys) => {
                // A run does not resend what it has sent with a known result. It may resend what its ledger
                // knew before the run.
                for Claimed { keys: claimed, since_s, .. } in
                    claims.iter_mut().filter(|claim| claim.alive && claim.ledger == ledger)
                {
                    claimed.retain(|key| !keys.was_sent_since(*key, *since_s));
                }
                keys
            }
            Err(Unreadable { why, index, outdated }) => {
                let claims: Vec<_> = claims.iter().filter(|claim| claim.ledger == ledger).collect();
                // The ledger's additions since the index was written are at most what runs have claimed
                // since.
                if outdated || (index.is_none() && claims.is_empty()) {
                    look.unreadable.push((ledger.clone(), why));
                }
                let mut all = index.unwrap_or_default();
                // A dead run may have sent all rows that it claimed.
                for claim in claims.iter().filter(|claim| !claim.alive && claim.is_begun) {
                    let rows = claim.keys.iter().map(|key| (*key, claim.until_s)).collect();
                    all.merge(KnownKeys { rows, ..KnownKeys::default() });
                }
                of_index = all;
                &of_index
            }
        };
        let found = candidates.mark(keys, since);
        // A name may have been sent with several contents.
        let by_name = keys.names.chunk_by(|(name, _), (next, _)| name == next);
        let has_other_content = |known_by: &&[(Key, Key)]| {
            is_ours(known_by[0].0) && !known_by.iter().any(|(_, content)| candidates.has(*content))
        };
        let open = keys.open.iter().filter(|open| open.key != open.known_by);
        let of_open = open.filter(|open| is_ours(open.key) && !candidates.has(open.known_by)).count();
        let other_content = (by_name.filter(has_other_content).count() + of_open) as u64;
        if found.rows > 0 || other_content > 0 {
            look.known.push(Known { ledger, found, other_content });
        }
    })?;
    let in_use = claims.into_iter().filter(|claim| claim.alive && !claim.keys.is_empty());
    look.in_use = in_use.map(|Claimed { ledger, keys, .. }| InUse { ledger, rows: keys.len() as u64 }).collect();
    Ok(look)
}
