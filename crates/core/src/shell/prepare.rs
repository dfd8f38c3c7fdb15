//! A run up to the moment at which it could send: the ledger open, the input read through.

use super::ahead::ahead;
use super::continued::Continued;
use super::elsewhere::Elsewhere;
use super::error::Error;
use super::files::{LedgerFile, Lock};
use super::input::{InputFile, Opened, recipe};
use super::ledgers::{self, lock, same_target};
use super::order::{Access, Order};
use crate::input::{Layout, Mapping};
use crate::job::{Key, TicketSet};
use crate::ledger::{self, Aside, Batch, Ledger, LedgerId, Pass, Record, Standing};
use crate::outcome::Outcome;
use crate::reading::{Past, Scan, Survey, likely_encoding, presence_changes, survey_scanned};
use crate::settings::{OnChanged, OnKnown};

/// A run whose ledger is open and whose input was read through. Nothing was sent.
#[derive(Debug)]
pub struct Prepared {
    pub(super) order: Order,
    pub(super) lock: Option<Lock>,
    pub(super) ledger: Option<Ledger<LedgerFile>>,
    pub(super) batch: Batch,
    pub(super) input: Opened,
    pub(super) mapping: Mapping,
    /// The hash of the table that the options name.
    pub(super) table: Option<String>,
    /// Jobs that are posted or in doubt and vanished from the input as the table became another.
    lost_by_table: u64,
    layout: Layout,
    pub(super) survey: Option<Survey>,
    pub(super) fingerprint: Option<String>,
    /// Which jobs vanished from the input since the ledger's last word, and which returned.
    pub(super) presence: Vec<Record>,
    pub(super) elsewhere: Vec<Elsewhere>,
}

impl Prepared {
    /// Opens the ledger, if there is one, and reads the whole input, if it is a file.
    ///
    /// # Errors
    ///
    /// When either cannot be used. Nothing was sent, and nothing written but for a torn tail that was mended.
    pub fn open(order: Order, access: Access) -> Result<Self, Error> {
        let lock = match access {
            Access::Look => None,
            Access::Post => {
                // Before there is a lock file beside a ledger that is not begun then.
                if !order.ledger.exists() {
                    can_share(&order)?;
                }
                Some(lock(&order.ledger)?)
            }
        };
        let (ledger, batch) = ledgers::open(&order, access)?;
        Self::read(order, lock, ledger, batch)
    }

    /// Reads the whole input, if it is a file, to go on with the ledger that `continued` has open, whatever ledger `order`
    /// names.
    ///
    /// # Errors
    ///
    /// When the order is not for its target, or the input cannot be used. Nothing was sent.
    pub fn resume(order: Order, continued: Continued) -> Result<Self, Error> {
        let Continued { path, lock, ledger, batch } = continued;
        let order = Order { ledger: path, ..order };
        Self::read(order, Some(lock), Some(ledger), batch)
    }

    fn read(
        mut order: Order,
        lock: Option<Lock>,
        ledger: Option<Ledger<LedgerFile>>,
        mut batch: Batch,
    ) -> Result<Self, Error> {
        same_target(&order, &batch)?;
        order.state = order.state.continuing(&batch);
        let posts = lock.is_some();
        let (recipe, table) = recipe(&order.options, &order.settings, order.form.target())?;
        let input = Opened::open(&order, recipe)?;
        let (mapping, layout, survey, fingerprint) = match &input {
            Opened::Stream(rows) => (rows.mapping().clone(), rows.layout(), None, None),
            Opened::File(file) => {
                let First { survey, mapping, layout, fingerprint } = first_reading(file, &order, &mut batch)?;
                (mapping, layout, Some(survey), Some(fingerprint))
            }
        };
        let presence = if survey.is_some() { presence_changes(&batch.standings) } else { Vec::new() };
        let lost_by_table =
            if is_other_table(&batch, table.as_deref()) { sent_and_vanished(&batch, &presence) } else { 0 };
        presence.iter().for_each(|record| batch.apply(record));
        let mut prepared = Self {
            order,
            lock,
            ledger,
            batch,
            input,
            mapping,
            table,
            lost_by_table,
            layout,
            survey,
            fingerprint,
            presence,
            elsewhere: Vec::new(),
        };
        // Not after a salvage: what its ledger lost the others cannot tell, and the damaged one is among them.
        if !prepared.batch.lost_records && prepared.to_send().is_some_and(|rows| rows > 0) {
            prepared.look_elsewhere()?;
        }
        match prepared.refusal() {
            Some(refusal) if posts => Err(refusal),
            _ => Ok(prepared),
        }
    }

    /// Why a run would not begin, though all could be read.
    pub fn refusal(&self) -> Option<Error> {
        if self.to_send() != Some(0)
            && let Err(error) = can_share(&self.order)
        {
            return Some(error);
        }
        let survey = self.survey.as_ref()?;
        if let Some(first) = &survey.first_same_name {
            return Some(Error::SameName { first: first.clone(), rows: survey.same_names });
        }
        if self.to_send() == Some(0) {
            return None;
        }
        if self.lost_by_table > 0 && self.order.ask.changed == OnChanged::Hold {
            return Some(Error::OtherTable { rows: self.lost_by_table });
        }
        let known = self.order.ask.known == OnKnown::Refuse && !self.elsewhere.is_empty();
        known.then(|| Error::Known(self.elsewhere.clone()))
    }

    /// How many rows this run will send, as far as that is known beforehand.
    pub fn to_send(&self) -> Option<u64> {
        let survey = self.survey.as_ref()?;
        Some(survey.to_do.min(self.order.ask.first.unwrap_or(u64::MAX)))
    }

    /// What was asked for.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// The columns that are posted.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// How the input turned out to be written.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The encoding that the cells of a file look like, used or not, which is read as UTF-8 since none was said; none where
    /// it is that. For a person to look at: no reading guesses.
    pub fn likely_encoding(&self) -> Option<&'static str> {
        match &self.input {
            Opened::File(file) if self.order.options.encoding.is_none() => {
                // What cannot be read now could be read before, and said all that is relied on.
                file.rows().and_then(|mut rows| likely_encoding(&mut rows)).ok().flatten()
            }
            _ => None,
        }
    }

    /// What the first reading found; none for a stream.
    pub fn survey(&self) -> Option<&Survey> {
        self.survey.as_ref()
    }

    /// The number that this run has in the ledger.
    pub fn run(&self) -> u32 {
        self.batch.run.as_ref().map_or(1, |run| run.run + 1)
    }

    /// The ledger's own id.
    pub fn ledger_id(&self) -> LedgerId {
        self.batch.header.id
    }

    /// Whether the ledger is there already.
    pub fn continues(&self) -> bool {
        // A salvaged one may have lost the record of every run.
        self.batch.run.is_some() || self.batch.lost_records
    }

    /// Jobs of the ledger that are no longer in the input, and how many of them are in doubt.
    pub fn vanished(&self) -> (u64, u64) {
        self.batch.vanished()
    }

    /// Attempts made so far for the batch, and how many of them were answered with the limit.
    pub fn attempts(&self) -> (u64, u64) {
        (self.batch.attempts, self.batch.limited)
    }
}

/// Whether a run by `order` can keep the account's limits together with others.
fn can_share(order: &Order) -> Result<(), Error> {
    if order.settings.shares() {
        let target = order.ask.identity.target();
        order.state.choose(target)?.check(target)?;
    }
    Ok(())
}

/// Whether ids lead to tickets by another table now than in the last run, as far as that is recorded.
fn is_other_table(batch: &Batch, table: Option<&str>) -> bool {
    let Some(last) = batch.run.as_ref().map(|run| &run.input) else { return false };
    let is_recorded = last.lookup_fingerprint.is_some() || last.options.lookup.is_none();
    is_recorded && last.lookup_fingerprint.as_deref() != table
}

/// How many of the jobs that this reading misses are posted or in doubt.
fn sent_and_vanished(batch: &Batch, presence: &[Record]) -> u64 {
    let vanished = presence.iter().filter_map(|record| match record {
        Record::Vanished(presence) => Some(&presence.keys),
        _ => None,
    });
    let was_sent = |key: &&Key| {
        let stands = batch.standings.get(*key).map(|standing| standing.outcome());
        matches!(stands, Some(Outcome::Posted | Outcome::InDoubt))
    };
    vanished.flatten().filter(was_sent).count() as u64
}

/// What the first reading of a file gives.
struct First {
    survey: Survey,
    mapping: Mapping,
    layout: Layout,
    fingerprint: String,
}

fn first_reading(file: &InputFile, order: &Order, batch: &mut Batch) -> Result<First, Error> {
    let past = past(batch);
    let first = survey_file(file, order, &past, batch)?;
    let no_edits = first.mapping.key.is_some() && !past.unnamed;
    if no_edits || order.ask.changed == OnChanged::Post || first.survey.to_do == 0 {
        return Ok(first);
    }
    let changed = tickets_of_vanished(order, batch)?;
    if changed.is_empty() {
        return Ok(first);
    }
    // Only now is it known which tickets lost a note that was posted: their new rows are held, and counted anew.
    batch.standings.values_mut().for_each(|standing| standing.forget(Pass::First));
    survey_file(file, order, &Past { changed, ..past }, batch)
}

fn survey_file(file: &InputFile, order: &Order, past: &Past, batch: &mut Batch) -> Result<First, Error> {
    let failed = Error::input(order);
    let ask = &order.ask;
    let mut rows = file.rows().map_err(&failed)?;
    let survey =
        ahead(Scan::new(&mut rows), |scanning| survey_scanned(scanning, ask, past, order.named, &mut batch.standings))
            .map_err(&failed)?;
    let fingerprint = file.fingerprint(&rows).map_err(&failed)?;
    Ok(First { survey, mapping: rows.mapping().clone(), layout: rows.layout(), fingerprint })
}

pub(super) fn past(batch: &Batch) -> Past {
    Past { changed: TicketSet::default(), unknown: batch.unknown(), unnamed: batch.unnamed }
}

/// The tickets of jobs that are posted or in doubt and are no longer in the input.
fn tickets_of_vanished(order: &Order, batch: &Batch) -> Result<TicketSet, Error> {
    let gone = |standing: &Standing| {
        !standing.is_met(Pass::First) && matches!(standing.outcome(), Outcome::Posted | Outcome::InDoubt)
    };
    let mut tickets = TicketSet::default();
    if !batch.standings.values().any(gone) {
        return Ok(tickets);
    }
    let path = &order.ledger;
    let file = LedgerFile::open_to_read(path).map_err(Error::ledger_file(path, "opened"))?;
    ledger::read(&file, &mut |entry| {
        // Of a doubt that a salvage left there may be no intent any more.
        let (key, ticket) = match entry.record {
            Record::Intent(intent) => (intent.key, intent.ticket),
            Record::Outcome(end) => (end.key, end.ticket),
            Record::Aside(Aside { key, ticket: Some(ticket), .. }) => (key, ticket),
            _ => return,
        };
        if batch.standings.get(&key).is_some_and(gone) {
            tickets.insert(ticket);
        }
    })
    .map_err(Error::ledger(path))?;
    Ok(tickets)
}
