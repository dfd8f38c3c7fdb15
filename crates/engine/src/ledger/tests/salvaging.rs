//! The records that a salvage counts and copies, and the jobs that it puts in doubt.

use super::*;

/// A directory in which a ledger is created.
#[derive(Debug, Default)]
struct New {
    file: Option<Shared>,
    is_named: bool,
}

/// One file that may be opened several times.
#[derive(Debug, Default, Clone)]
struct Shared(std::sync::Arc<std::sync::Mutex<Memory>>);

impl Storage for Shared {
    fn size(&self) -> io::Result<u64> {
        self.0.lock().unwrap().size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap().read_at(offset, buffer)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().sync()
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.0.lock().unwrap().truncate(size)
    }

    fn keep_torn_tail(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().keep_torn_tail(bytes)
    }
}

impl Directory for New {
    type File = Shared;

    fn open(&mut self) -> io::Result<Option<Shared>> {
        unreachable!("it is made")
    }

    fn create_unfinished(&mut self) -> io::Result<Shared> {
        Ok(self.file.insert(Shared::default()).clone())
    }

    fn rename_finished(&mut self) -> io::Result<()> {
        self.is_named = true;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Salvages this ledger; returns the result and the new ledger.
fn salvaged(from: &Memory) -> (Salvaged, Memory) {
    let mut new = New::default();
    let said = salvage(from, &mut new, &Header { id: LedgerId(7), ..header() }).unwrap();
    assert!(new.is_named);
    let file = new.file.unwrap().0.lock().unwrap().clone();
    (said, file)
}

/// The numbers of copied and lost records.
fn counts(lines: &[Vec<u8>]) -> (u64, u64) {
    let (said, new) = salvaged(&of_lines(lines));
    let mut kept = 0;
    let mut lost = None;
    read(&new, &mut |entry| match entry.record {
        Record::Header(_) | Record::Mark(_) => {}
        Record::Salvage(salvage) => {
            assert_eq!(salvage.from, header().id);
            lost = Some(salvage.lost);
        }
        Record::Excluded(_) => {}
        _ => kept += 1,
    })
    .unwrap();
    assert_eq!(said.kept, kept);
    assert_eq!(lost, (said.lost > 0).then_some(said.lost), "it says so where records are lost, and only there");
    (said.kept, said.lost)
}

/// The sample's lines: header, mark, intent, mark, outcome, intent, mark, outcome, mark.
fn with(edit: impl Fn(&mut Vec<Vec<u8>>)) -> (u64, u64) {
    let mut lines = lines(&sample());
    edit(&mut lines);
    counts(&lines)
}

fn spoil(lines: &mut [Vec<u8>], at: usize) {
    let middle = lines[at].len() / 2;
    lines[at][middle] ^= 1;
}

#[test]
fn records_that_cannot_be_read_are_counted_one_by_one_wherever_they_were() {
    assert_eq!(with(|_| {}), (4, 0));
    assert_eq!(with(|lines| spoil(lines, 2)), (3, 1));
    assert_eq!(with(|lines| spoil(lines, 1)), (4, 1), "a mark is a record too");
    assert_eq!(with(|lines| (4..7).for_each(|at| spoil(lines, at))), (2, 3));
    assert_eq!(with(|lines| [2, 5].into_iter().for_each(|at| spoil(lines, at))), (2, 2));
    assert_eq!(with(|lines| drop(lines.remove(2))), (3, 1));
    assert_eq!(with(|lines| drop(lines.drain(1..5))), (2, 4));
}

#[test]
fn of_lines_that_cannot_be_read_at_the_end_each_is_a_record() {
    assert_eq!(with(|lines| spoil(lines, 8)), (4, 1));
    assert_eq!(with(|lines| (7..9).for_each(|at| spoil(lines, at))), (3, 2));
    assert_eq!(with(|lines| [2, 8].into_iter().for_each(|at| spoil(lines, at))), (3, 2));
    assert_eq!(with(|lines| lines[8].truncate(20)), (4, 1));
    assert_eq!(with(|lines| lines.truncate(8)), (4, 0), "what is cut off at a line's end is not missed");
}

#[test]
fn a_line_that_is_there_twice_or_too_late_is_no_record_that_was_lost() {
    assert_eq!(with(|lines| lines.insert(3, lines[2].clone())), (4, 0));
    assert_eq!(with(|lines| lines.swap(4, 5)), (3, 1), "what comes too late is not kept");
}

#[test]
fn jobs_without_a_final_outcome_are_put_in_doubt_where_records_were_lost_and_counted() {
    let jobs = |damaged: bool| {
        let (mut ledger, ..) = Ledger::open(begun()).unwrap();
        let held = Record::Excluded(ExcludedRow {
            row: 1000,
            line: 2,
            key: key(1000),
            ticket: None,
            outcome: Outcome::Held,
            why: "edited".to_owned(),
        });
        let ends = [
            intent(1001),
            posted(1001),
            intent(1002),
            outcome(1002, VerdictWord::Rejected, Outcome::Rejected),
            held,
            settlement(vec![Settled { row: 1003, key: key(1003), was: Outcome::Held, outcome: Outcome::Skipped }]),
        ];
        ledger.commit(&ends).unwrap();
        let failed = |n| [intent(n), outcome(n, VerdictWord::Again, Outcome::Failed)];
        ledger.commit(&(1..=600).flat_map(failed).collect::<Vec<_>>()).unwrap();
        let mut lines = lines(&ledger.close().unwrap());
        if damaged {
            spoil(&mut lines, 1);
        }
        let (said, new) = salvaged(&of_lines(&lines));
        let (batch, _) = inspect(&new).unwrap();
        let in_doubt = batch.job_states.values().filter(|job| job.outcome() == Outcome::InDoubt).count() as u64;
        (said, in_doubt)
    };
    assert_eq!(jobs(false), (Salvaged { kept: 1206, lost: 0, doubted: 0 }, 0));
    assert_eq!(jobs(true), (Salvaged { kept: 1206, lost: 1, doubted: 601 }, 601));
}

#[test]
fn of_a_settlement_of_several_records_that_lost_one_nothing_counts_in_the_new_ledger_either() {
    let wall = Timestamp::UNIX_EPOCH;
    let decided: Vec<Settled> =
        (1..=600).map(|n| Settled { row: n, key: key(n), was: Outcome::InDoubt, outcome: Outcome::Posted }).collect();
    let (mut ledger, ..) = Ledger::open(begun()).unwrap();
    let doubts = (1..=600).flat_map(|n| [intent(n), outcome(n, VerdictWord::Unknown, Outcome::InDoubt)]);
    ledger.commit(&doubts.collect::<Vec<_>>()).unwrap();
    let parts = super::super::settle::in_records_of(2, wall, None, &decided);
    ledger.commit_settlement(&parts).unwrap();
    let whole = lines(&ledger.close().unwrap());
    let posted = |lines: &[Vec<u8>]| {
        let (batch, extent) = inspect(&salvaged(&of_lines(lines)).1).unwrap();
        let posted = batch.job_states.values().filter(|job| job.outcome() == Outcome::Posted).count();
        (posted, extent.incomplete_settlements)
    };
    // The copy has marks between the parts: they do not end a settlement.
    assert_eq!(posted(&whole), (600, 0));
    let mut damaged = whole;
    let last_part = damaged.len() - 2;
    spoil(&mut damaged, last_part);
    assert_eq!(posted(&damaged), (0, 1));
}
