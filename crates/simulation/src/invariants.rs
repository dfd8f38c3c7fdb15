//! Invariants, checked at each step against the disk's durable bytes, and at the end against the server's own
//! counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use batchpost_engine::driver::Left;
use batchpost_engine::engine::Progress;
use batchpost_engine::job::{Identity, Key, Ticket};
use batchpost_engine::ledger::{self, Entry, JobState, LedgerError, Proof, Record};
use batchpost_engine::outcome::{Counts, Outcome, VerdictWord};
use batchpost_engine::settings::InDoubt;
use batchpost_sandbox::{Fate, most_in_any};

use crate::disk::Disk;
use crate::durable::Durable;
use crate::history::{End, History, Packet, Plan};
use crate::opening::{TARGET, read};
use crate::scenario::{Line, Scenario};

/// A violated invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(String);

impl Violation {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

fn must(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation(otherwise())) }
}

/// The observed events of each row, and what this run may do.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    rows: Vec<Row>,
    durable: Durable,
    /// The row of each created note, and the run whose request created it.
    created: Vec<(u64, u32)>,
    sent: u64,
    dropped: bool,
    /// A run has ended gracefully after an error of its ledger.
    ledger_has_failed: bool,
    in_doubt: InDoubt,
    /// Why nothing may be sent any more in this run.
    forbidden: Option<&'static str>,
    /// The last attempt of each row sent in this run.
    sent_now: BTreeMap<u64, u64>,
    posted_now: BTreeSet<u64>,
    unwritten_now: BTreeSet<u64>,
    /// For each ticket, the last row sent in this run, and whether its attempt is in flight.
    last_of_ticket: BTreeMap<u64, (u64, bool)>,
    /// The number of the ledger's bytes that the run knows to be durable.
    recorded_bytes: usize,
    /// The run's counts at its end, if the ledger has exactly these.
    counts: Option<Counts>,
}

#[derive(Debug, Clone, Default)]
struct Row {
    ticket: u64,
    created: u64,
    /// The number of notes created although the reply reported a failure.
    denied: u64,
    /// How often the row was sent again on request while in doubt.
    sent_in_doubt: u64,
}

fn index(row: u64) -> usize {
    usize::try_from(row).expect("a simulated sheet is short") - 1
}

impl Watch {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let row = |line: &Line| match line {
            Line::Note { ticket, .. } => Row { ticket: *ticket, ..Row::default() },
            Line::Invalid | Line::Blank => Row::default(),
        };
        Self {
            rows: scenario.rows.iter().map(row).collect(),
            durable: Durable::default(),
            created: Vec::new(),
            sent: 0,
            dropped: false,
            ledger_has_failed: false,
            in_doubt: InDoubt::Hold,
            forbidden: None,
            sent_now: BTreeMap::new(),
            posted_now: BTreeSet::new(),
            unwritten_now: BTreeSet::new(),
            last_of_ticket: BTreeMap::new(),
            recorded_bytes: 0,
            counts: None,
        }
    }

    pub(crate) fn begin_run(&mut self, in_doubt: InDoubt) {
        self.in_doubt = in_doubt;
        self.forbidden = None;
        self.sent_now.clear();
        self.posted_now.clear();
        self.unwritten_now.clear();
        self.last_of_ticket.clear();
        self.counts = None;
    }

    /// Whether the disk ever reported a failure, dropped changes, and then worked as if nothing were lost.
    pub(crate) fn has_dropped(&self) -> bool {
        self.dropped
    }

    pub(crate) fn note_dropped(&mut self, dropped: bool) {
        self.dropped |= dropped;
    }

    pub(crate) fn forbid_sending(&mut self, why: &'static str) {
        self.forbidden.get_or_insert(why);
    }

    /// Handles a send. Returns how many requests were sent before, and whether the row was in doubt.
    pub(crate) fn sent(&mut self, disk: &Disk, row: u64, attempt: u64) -> Result<(u64, bool), Violation> {
        must(self.forbidden.is_none(), || format!("row {row} was sent after {}", self.forbidden.unwrap_or_default()))?;
        let known = self.durable.row(disk, row);
        must(known.open && known.attempt == attempt, || {
            format!("row {row} was sent and its intent (attempt {attempt}) was not durable: {known:?}")
        })?;
        must(!known.settled, || format!("row {row} was sent again though it was settled: {known:?}"))?;
        if known.doubt {
            must(self.in_doubt == InDoubt::Retry, || format!("row {row} was sent again though it was in doubt"))?;
            self.rows[index(row)].sent_in_doubt += 1;
        }
        let ticket = self.rows[index(row)].ticket;
        if let Some((last, flying)) = self.last_of_ticket.insert(ticket, (row, true)) {
            must(!flying, || format!("rows {last} and {row} of ticket {ticket} were in flight at once"))?;
            must(last <= row, || format!("row {row} of ticket {ticket} was sent after row {last}"))?;
        }
        self.sent_now.insert(row, attempt);
        self.sent += 1;
        Ok((self.sent - 1, known.doubt))
    }

    /// Handles the end of an attempt, with or without a reply.
    pub(crate) fn ended(&mut self, row: u64) {
        if let Some((_, flying)) = self.last_of_ticket.get_mut(&self.rows[index(row)].ticket) {
            *flying = false;
        }
    }

    pub(crate) fn arrived(&mut self, packet: &Packet, created: bool, fate: &Fate) {
        if created {
            let row = &mut self.rows[index(packet.row)];
            row.created += 1;
            row.denied += u64::from(matches!(fate, Fate::Reply(answer) if answer.status != 200));
            self.created.push((packet.row, packet.run));
        }
    }

    pub(crate) fn settled(&mut self, disk: &Disk, row: u64, outcome: Outcome) -> Result<(), Violation> {
        let known = self.durable.row(disk, row);
        must(!known.open && known.outcome.as_deref() == Some(outcome.word()), || {
            format!("row {row} was reported as {outcome} before that was durable: {known:?}")
        })?;
        if outcome == Outcome::Posted {
            self.posted_now.insert(row);
        }
        Ok(())
    }

    pub(crate) fn unwritten(&mut self, row: u64) {
        self.unwritten_now.insert(row);
    }

    /// The run knows that its ledger cannot be written: it gives back slots whose attempts have no end in the
    /// ledger.
    pub(crate) fn ledger_failed(&mut self) {
        self.ledger_has_failed = true;
    }

    /// The run knows that the ledger's current content is durable.
    pub(crate) fn recorded(&mut self, disk: &Disk) {
        self.recorded_bytes = disk.ledger_size();
    }

    pub(crate) fn run_is_done(&mut self, disk: &Disk, left: &Left, in_flight: usize) -> Result<(), Violation> {
        must(in_flight == 0, || format!("the run ended with {in_flight} requests in flight"))?;
        self.counts = left.is_recorded.then_some(left.progress.counts);
        self.counted(disk, left)?;
        for (row, attempt) in &self.sent_now {
            let known = self.durable.row(disk, *row);
            let silent = known.open && known.attempt == *attempt && !self.unwritten_now.contains(row);
            must(!silent || left.at_once, || {
                format!("the run ended without an outcome for row {row}, nor a word about it")
            })?;
        }
        Ok(())
    }

    /// Checks that a run's final counts are those of the records that it knows to be durable.
    fn counted(&self, disk: &Disk, left: &Left) -> Result<(), Violation> {
        let bytes = disk.ledger_bytes();
        let recorded = bytes[..self.recorded_bytes].iter().filter(|byte| **byte == b'\n').count() as u64;
        let (mut batch, mut before, mut posted) = (empty(), (0, 0), 0);
        let file = disk.fork().ledger().ok_or_else(|| Violation::new("the ledger of the run that ended is gone"))?;
        let read = ledger::read(&file, &mut |entry: Entry| {
            if entry.number > recorded {
                return;
            }
            match &entry.record {
                Record::Run(_) => (before, posted) = ((batch.attempts, batch.limited), 0),
                Record::Outcome(end) if end.verdict == VerdictWord::Posted => posted += 1,
                _ => {}
            }
            batch.apply(&entry.record);
        });
        if let Err(error) = read {
            return must(self.dropped || !left.is_recorded, || format!("the ledger cannot be read: {error}"));
        }
        let Progress { counts, posted: posted_now, attempts, limited, .. } = left.progress;
        let told = (counts, posted_now, attempts, limited);
        let recorded = (batch.counts(), posted, batch.attempts - before.0, batch.limited - before.1);
        must(told == recorded, || {
            format!("the run counted (rows, posted, attempts, limited) {told:?}, and its records say {recorded:?}")
        })
    }
}

/// The checks after every run, when nothing is in transit any more.
pub(crate) fn after_a_run(history: &mut History, end: End) -> Result<(), Violation> {
    let watch = &history.watch;
    if let Some(violation) = history.disk.violation() {
        return Err(Violation::new(violation));
    }
    for limit in &history.scenario.settings.limits {
        // After a power loss the times of long windows are converted by the wall clock.
        if limit.window() >= Duration::from_secs(60) && history.scenario.weather.wall_step > 0.0 {
            continue;
        }
        let most = most_in_any(history.model.arrivals(), limit.window());
        must(most <= limit.count() as usize, || format!("{most} requests arrived within one window of {limit}"))?;
    }
    let refused = history.model.refusals().len();
    must(refused == 0, || format!("the server refused {refused} requests for exceeding its limit"))?;
    in_order(history)?;
    if matches!(end, End::Done(_))
        && let Some(counts) = watch.counts
    {
        let read = outcomes(history)?.map(|(_, counts)| counts);
        must(read == Some(counts), || format!("the run counted {counts:?}, and the ledger says {read:?}"))?;
    }
    audited(history)
}

/// Checks that the ledger's audit agrees: every limit was kept within each run, and across runs unless the
/// wall clock was stepped; no window had more requests than the audit states; and the ledger has no
/// contradictions.
fn audited(history: &mut History) -> Result<(), Violation> {
    let disk = history.disk.fork();
    let Some(Ok(audit)) = disk.ledger().map(|file| ledger::audit(&file)) else { return Ok(()) };
    must(audit.problems.is_empty(), || format!("the audit found: {}", audit.problems.join("; ")))?;
    // Here runs follow each other within a window, and across runs the audit uses the wall clock.
    let stepped = history.scenario.weather.wall_step > 0.0;
    for limit in &audit.limits {
        let (peak, most) = (limit.peak_in_a_run, limit.limit.count());
        must(peak <= most, || {
            format!("by the audit, {peak} attempts may have fallen in one window of {}", limit.limit)
        })?;
        let arrived = most_in_any(history.model.arrivals(), limit.limit.window());
        must(stepped || arrived <= limit.peak as usize, || {
            format!("{arrived} requests arrived within one window, and the audit makes it {} at the most", limit.peak)
        })?;
        must(stepped || limit.proof() != Proof::Exceeded, || {
            format!("by the audit, {} attempts of several runs fell in one window of {}", limit.peak, limit.limit)
        })?;
        // A run that was cut off is found dead by the next one; a run whose ledger failed gives its slots
        // back itself.
        must(stepped || limit.held() || history.watch.ledger_has_failed, || {
            format!(
                "by the audit, {} attempts of several runs may have fallen in one window of {}",
                limit.peak, limit.limit
            )
        })?;
        history.coverage.saw("audit", if limit.held() { "held" } else { "not proven" });
    }
    Ok(())
}

/// Checks that notes of one ticket were created in the sheet's order, except for rows that this run left in
/// doubt or failed.
fn in_order(history: &History) -> Result<(), Violation> {
    let watch = &history.watch;
    let mut last = BTreeMap::new();
    let now = watch.created.iter().filter(|(row, run)| *run == history.runs && watch.posted_now.contains(row));
    for (row, _) in now {
        let ticket = watch.rows[index(*row)].ticket;
        let before = last.insert(ticket, *row).unwrap_or(0);
        must(before <= *row, || format!("row {row} of ticket {ticket} was created after row {before}"))?;
    }
    Ok(())
}

/// The checks at the end of the history.
pub(crate) fn at_the_end(history: &History) -> Result<(), Violation> {
    let watch = &history.watch;
    for (row, number) in watch.rows.iter().zip(1u64..) {
        let most = 1 + row.denied + row.sent_in_doubt;
        must(row.created <= most, || {
            format!("row {number} was created {} times, where {most} can be answered for", row.created)
        })?;
    }
    what_was_created(history)?;
    let Some((outcomes, counts)) = outcomes(history)? else { return Ok(()) };
    must(outcomes.len() == watch.rows.len(), || format!("{} rows have an outcome", outcomes.len()))?;
    let mut sum = Counts::default();
    for ((row, number), outcome) in watch.rows.iter().zip(1u64..).zip(outcomes) {
        *sum.of_mut(outcome) += 1;
        match outcome {
            Outcome::Posted => {
                must(row.created > 0, || format!("row {number} counts as posted and was not created"))?;
            }
            Outcome::InDoubt => {}
            _ => must(row.created <= row.denied, || {
                format!("row {number} counts as {outcome} and was created {} times", row.created)
            })?,
        }
    }
    must(sum == counts, || format!("the rows add up to {sum:?}, and the survey counts {counts:?}"))
}

/// Checks that each note is the one that its row requested.
fn what_was_created(history: &History) -> Result<(), Violation> {
    let rows = &history.scenario.rows;
    for (note, (row, _)) in history.model.notes().iter().zip(&history.watch.created) {
        let asked =
            matches!(&rows[index(*row)], Line::Note { ticket, text } if *ticket == note.ticket && *text == note.text);
        must(asked, || format!("row {row} asked for something else than {note:?}"))?;
    }
    Ok(())
}

/// The state of each row according to the current ledger and the sheet; `None` if the disk lost synced data
/// and that was detected.
fn outcomes(history: &History) -> Result<Option<(Vec<Outcome>, Counts)>, Violation> {
    let disk = history.disk.fork();
    let Some(file) = disk.ledger() else {
        let counts = read(&history.sheet, &Plan::default(), &mut empty()).0.counts;
        return Ok(Some((history.scenario.rows.iter().map(unknown).collect(), counts)));
    };
    let mut batch = match ledger::inspect(&file) {
        Ok((batch, _)) => batch,
        Err(LedgerError::Damaged { .. }) if history.watch.has_dropped() => return Ok(None),
        Err(error) => return Err(Violation::new(format!("the ledger cannot be read: {error}"))),
    };
    let counts = read(&history.sheet, &Plan::default(), &mut batch).0.counts;
    let outcome = |line: &Line| match line {
        Line::Note { ticket, text } => {
            let ticket = Ticket::try_from(*ticket).expect("a simulated ticket is one");
            batch
                .job_states
                .get(&Key::of_job(&Identity::of(TARGET), &ticket, text))
                .copied()
                .unwrap_or(JobState::NEW)
                .outcome()
        }
        _ => unknown(line),
    };
    Ok(Some((history.scenario.rows.iter().map(outcome).collect(), counts)))
}

/// The state of a row without any record.
fn unknown(line: &Line) -> Outcome {
    match line {
        Line::Note { .. } => Outcome::Pending,
        Line::Invalid => Outcome::Invalid,
        Line::Blank => Outcome::Skipped,
    }
}

fn empty() -> ledger::Batch {
    ledger::Batch::new(ledger::Header {
        version: ledger::VERSION,
        id: ledger::LedgerId(0),
        key_scheme: batchpost_engine::job::KEY_SCHEME,
        tool: String::new(),
        api: None,
        target: TARGET.to_owned(),
        wall: jiff::Timestamp::UNIX_EPOCH,
    })
}
