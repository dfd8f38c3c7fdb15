//! Reads an input on two threads. One reads rows; the caller's thread makes their keys, looks them up and
//! writes the job file.

use std::io::Read;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use super::feeder::{GROUP_TEXT_BYTES, GROUPS_WAITING};
use crate::input::{Content, InputError, Row};
use crate::reading::RowReader;

/// With groups of 64 rows, reading a million rows takes 5% longer, because each group wakes the other thread.
const GROUP_ROWS: usize = 512;

/// Calls `plan` with the rows of `scan`. A second thread reads them a bounded way ahead. If the system provides no
/// thread, each group is read when it is needed.
pub(super) fn ahead<R: Read + Send, T>(
    scan: &mut RowReader<'_, R>,
    plan: impl FnOnce(&mut dyn FnMut() -> Result<Option<Row>, InputError>) -> T,
) -> T {
    let (sender, receiver) = mpsc::sync_channel(GROUPS_WAITING);
    // Only one of the two threads uses it.
    let scan = Mutex::new(scan);
    let go_on = || group(&mut scan.lock().unwrap_or_else(PoisonError::into_inner));
    thread::scope(|scope| {
        let has_second = thread::Builder::new().spawn_scoped(scope, move || {
            loop {
                let (group, over) = go_on();
                if sender.send(group).is_err() || over {
                    return;
                }
            }
        });
        let mut group = Vec::new().into_iter();
        let mut next = move || {
            loop {
                if let Some(item) = group.next() {
                    return item;
                }
                group = match &has_second {
                    Ok(_) => receiver.recv().expect("nothing is asked for after the end, which the thread gives"),
                    Err(_) => go_on().0,
                }
                .into_iter();
            }
        };
        plan(&mut next)
    })
}

/// Returns the next rows, and whether the last item ends the input.
fn group(scan: &mut RowReader<'_, impl Read>) -> (Vec<Result<Option<Row>, InputError>>, bool) {
    let mut group = Vec::with_capacity(GROUP_ROWS);
    let mut text_bytes = 0;
    while group.len() < GROUP_ROWS && text_bytes < GROUP_TEXT_BYTES {
        let item = scan.next();
        let Ok(Some(row)) = &item else {
            group.push(item);
            return (group, true);
        };
        if let Content::Note { text, uncut, name, .. } = &row.content {
            text_bytes += text.len() + [uncut, name].into_iter().flatten().map(String::len).sum::<usize>();
        }
        group.push(item);
    }
    (group, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Format, Options, Rows, TextError};
    use crate::job::KeyMap;
    use crate::ledger::JobState;
    use crate::planning::{JobFileWriter, Planner, ReadPolicy, ReadSummary, SampleSizes};
    use crate::reading::{ReadRowsError, plan_rows, plan_scanned_rows};

    const NAMED: SampleSizes = SampleSizes { notes: 10, jobs: 10 };

    fn rows(sheet: &str) -> Rows<&[u8]> {
        Rows::open(sheet.as_bytes(), &Options::new(Format::Csv).into()).unwrap()
    }

    type ReadThrough = (ReadSummary, Vec<u8>);

    fn read_ahead<R: Read + Send>(rows: &mut Rows<R>) -> Result<ReadThrough, ReadRowsError> {
        let (mut jobs, mut scan) = (JobFileWriter::new(Vec::new()), RowReader::new(rows));
        let (policy, mut job_states) = (ReadPolicy::default(), KeyMap::default());
        let planner = Planner::new(&policy, JobState::NEW, NAMED, &mut job_states);
        let read_summary = ahead(&mut scan, |next| plan_scanned_rows(next, planner, &mut jobs))?;
        Ok((read_summary, jobs.finish()?.0))
    }

    fn read_in_step(sheet: &str) -> ReadThrough {
        let mut jobs = JobFileWriter::new(Vec::new());
        let (policy, mut job_states) = (ReadPolicy::default(), KeyMap::default());
        let planner = Planner::new(&policy, JobState::NEW, NAMED, &mut job_states);
        let (read_summary, _) = plan_rows(&mut rows(sheet), planner, &mut jobs).unwrap();
        (read_summary, jobs.finish().unwrap().0)
    }

    #[test]
    fn a_reading_ahead_finds_what_a_reading_in_step_finds() {
        for count in [0, 1, GROUP_ROWS - 1, GROUP_ROWS, 3 * GROUP_ROWS * GROUPS_WAITING + 1] {
            let line = |row: usize| match row % 10 {
                7 => "TKT-0012,x\n".to_owned(),
                8 => ",\n".to_owned(),
                _ => format!("{},text {}\n", row % 50, row % 30),
            };
            let sheet: String = "ticket,text\n".to_owned() + &(1..=count).map(line).collect::<String>();
            let in_step = read_in_step(&sheet);
            assert_eq!(in_step.0.rows, count as u64);
            assert_eq!(read_ahead(&mut rows(&sheet)).unwrap(), in_step);
        }
    }

    #[test]
    fn an_error_of_the_source_ends_the_survey() {
        struct Cut;
        impl Read for Cut {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
        }
        let sheet = "ticket,text\n".to_owned() + &"1,a\n".repeat(100_000);
        let mut rows = Rows::open(sheet.as_bytes().chain(Cut), &Options::new(Format::Csv).into()).unwrap();
        assert!(matches!(read_ahead(&mut rows), Err(ReadRowsError::Input(InputError::Text(TextError::Read { .. })))));
    }
}
