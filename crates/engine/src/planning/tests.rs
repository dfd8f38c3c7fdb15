use super::*;
use crate::engine::Event;
use crate::job::{Identity, Key, KeyMap, Position, Ticket, TicketSet};
use crate::ledger::{JobState, Presence, Record};
use crate::outcome::{Counts, Outcome};
use crate::settings::{InDoubt, OnChanged, OnDuplicate};

const SHEET: &str = "ticket,text\n1,a\n2,b\nx,c\n,\n1,a\n";

fn policy() -> ReadPolicy {
    ReadPolicy { identity: Identity::of("t"), ..ReadPolicy::default() }
}

/// The rows of a sheet as a reader passes them: columns `ticket`, `text`, and `id`, which names the jobs.
fn rows(sheet: &str) -> Vec<Row> {
    let mut lines = sheet.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |(record, line): (u64, &str)| {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let cell = |name: &str| columns.iter().position(|column| *column == name).map(|column| cells[column]);
        let (ticket, text, name) = (cell("ticket").unwrap(), cell("text").unwrap(), cell("id"));
        let invalid = |kind: &str| Content::Invalid {
            reason: Defect { kind: kind.to_owned(), what: format!("{kind}: {line}") },
            key: Key::of_invalid(std::iter::once(line.as_bytes())),
        };
        let content = match (ticket.parse::<u64>(), name) {
            _ if ticket.is_empty() && text.is_empty() => Content::Blank,
            (Err(_), _) => invalid("no ticket"),
            (_, Some("")) => invalid("no name"),
            (Ok(ticket), name) => note(ticket, text, None, name),
        };
        Row { position: Position { record, line: record + 1, byte: record }, content }
    };
    (1..).zip(lines).map(row).collect()
}

fn note(ticket: u64, text: &str, uncut: Option<&str>, name: Option<&str>) -> Content {
    Content::Note {
        ticket: Ticket::try_from(ticket).unwrap(),
        text: text.to_owned(),
        uncut: uncut.map(str::to_owned),
        name: name.map(str::to_owned),
        fields: Vec::new(),
    }
}

const NAMED: SampleSizes = SampleSizes { notes: 10, jobs: 10 };

/// Reads `rows` and returns the result and the job file.
fn read_rows(rows: Vec<Row>, policy: &ReadPolicy, job_states: &mut KeyMap<JobState>) -> (ReadSummary, JobFile) {
    let mut jobs = JobFileWriter::new(Vec::new());
    let mut planner = Planner::new(policy, JobState::NEW, NAMED, job_states);
    for record in rows.into_iter().filter_map(|row| planner.enter(row)) {
        jobs.add(&record).unwrap();
    }
    let (bytes, records) = jobs.finish().unwrap();
    (planner.end(), JobFile { bytes, records })
}

struct JobFile {
    bytes: Vec<u8>,
    records: u64,
}

impl JobFile {
    fn reader(&self) -> JobFileReader<&[u8]> {
        JobFileReader::new(&self.bytes[..], self.records)
    }

    fn jobs(&self) -> Jobs<&[u8]> {
        Jobs::new(self.reader(), &repeated_contents(self.reader()).unwrap())
    }
}

fn read_all(sheet: &str, policy: &ReadPolicy, job_states: &mut KeyMap<JobState>) -> (ReadSummary, JobFile) {
    read_rows(rows(sheet), policy, job_states)
}

fn read(sheet: &str, policy: &ReadPolicy, job_states: &mut KeyMap<JobState>) -> ReadSummary {
    read_all(sheet, policy, job_states).0
}

/// Short forms of events: the row numbers of jobs, the states of others, and whether the input was truncated.
fn in_short(mut pull: impl FnMut() -> Event) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        match pull() {
            Event::Job(pending_job) => all.push(format!("job {}", pending_job.job.position.record)),
            Event::Excluded(excluded) => all.push(format!("{} {}", excluded.outcome, excluded.row)),
            Event::Passed(outcome) => all.push(format!("passed {outcome}")),
            Event::InputTruncated => {
                all.push("withheld".to_owned());
                return all;
            }
            _ => return all,
        }
    }
}

/// The jobs passed to posting.
fn fed(jobs: &JobFile, policy: &ReadPolicy, job_states: KeyMap<JobState>) -> Vec<String> {
    let mut feed = PendingJobs::new(jobs.jobs(), policy.clone(), job_states);
    in_short(|| feed.pull().unwrap())
}

/// The records of excluded rows: numbers, lines and reasons.
fn excluded_rows(jobs: &JobFile, job_states: &mut KeyMap<JobState>) -> Vec<(u64, u64, Outcome, String)> {
    let mut jobs = jobs.jobs();
    let next = || next_excluded(&mut jobs, job_states).unwrap();
    std::iter::from_fn(next).map(|excluded| (excluded.row, excluded.line, excluded.outcome, excluded.why)).collect()
}

/// The events for `rows` as a stream.
fn followed(rows: Vec<Row>, policy: &ReadPolicy) -> Vec<String> {
    let mut stream = Stream::new(rows, policy.clone(), KeyMap::default());
    in_short(|| stream.pull())
}

struct Stream {
    rows: std::vec::IntoIter<Row>,
    follow: Follow,
}

impl Stream {
    fn new(rows: Vec<Row>, policy: ReadPolicy, job_states: KeyMap<JobState>) -> Self {
        Self { rows: rows.into_iter(), follow: Follow::new(policy, JobState::NEW, job_states) }
    }

    fn pull(&mut self) -> Event {
        match self.rows.next() {
            Some(row) => self.follow.enter(row),
            None => self.follow.end("hash".to_owned()),
        }
    }
}

#[test]
fn the_reading_counts_every_row_once() {
    let read_summary = read(SHEET, &policy(), &mut KeyMap::default());
    assert_eq!(read_summary.counts, Counts { pending: 3, invalid: 1, skipped: 1, ..Counts::default() });
    assert_eq!((read_summary.rows, read_summary.counts.total()), (5, 5));
    assert_eq!((read_summary.blank, read_summary.duplicates, read_summary.to_do), (1, 1, 3));
    assert_eq!(read_summary.invalid[0].position.record, 3);
}

#[test]
fn rows_exactly_alike_are_jobs_of_their_own() {
    let mut job_states = KeyMap::default();
    let read_summary = read(SHEET, &policy(), &mut job_states);
    assert_eq!(job_states.len(), 4);
    assert_ne!(read_summary.next[0].key, read_summary.next[2].key);
}

#[test]
fn posting_is_given_what_is_to_do_in_order() {
    let mut job_states = KeyMap::default();
    let (_, jobs) = read_all(SHEET, &policy(), &mut job_states);
    assert_eq!(fed(&jobs, &policy(), job_states), ["job 1", "job 2", "job 5"]);
}

#[test]
fn only_so_many_are_given_as_are_asked_for() {
    for (first, wanted) in [(2, &["job 1", "job 2", "withheld"][..]), (3, &["job 1", "job 2", "job 5"])] {
        let policy = ReadPolicy { first: Some(first), ..policy() };
        let mut job_states = KeyMap::default();
        let (_, jobs) = read_all(SHEET, &policy, &mut job_states);
        assert_eq!(fed(&jobs, &policy, job_states.clone()), wanted);
        let mut to_do = 0;
        for_each_to_do(&mut jobs.jobs(), &policy, &job_states, |_| to_do += 1).unwrap();
        assert_eq!(to_do, first, "what is claimed is what is sent");
    }
}

#[test]
fn a_stream_is_counted_as_it_comes() {
    assert_eq!(followed(rows(SHEET), &policy()), ["job 1", "job 2", "invalid 3", "passed skipped", "job 5"]);
    let two = ReadPolicy { first: Some(2), ..policy() };
    assert_eq!(followed(rows(SHEET), &two), ["job 1", "job 2", "invalid 3", "passed skipped", "withheld"]);
}

#[test]
fn what_the_ledger_knows_as_done_is_not_given_again_wherever_it_moved() {
    let mut job_states = KeyMap::default();
    let first = read(SHEET, &policy(), &mut job_states);
    let mut known = KeyMap::default();
    let mut job_state = JobState::NEW;
    job_state.settle(Outcome::Posted);
    known.insert(first.next[0].key, job_state);
    let sorted = "ticket,text\n1,a\n1,a\n2,b\n3,new\n";
    let (second, jobs) = read_all(sorted, &policy(), &mut known);
    assert_eq!(second.counts, Counts { posted: 1, pending: 3, ..Counts::default() });
    assert_eq!(fed(&jobs, &policy(), known), ["job 2", "job 3", "job 4"]);
}

#[test]
fn rows_with_which_there_is_nothing_to_do_take_no_room_in_the_job_file() {
    let mut job_states = KeyMap::default();
    let first = read(SHEET, &policy(), &mut job_states);
    for job in &first.next {
        job_states.get_mut(&job.key).unwrap().settle(Outcome::Posted);
    }
    job_states.values_mut().for_each(JobState::note_recorded);
    let mut again: KeyMap<JobState> =
        job_states.iter().map(|(key, job_state)| (*key, job_state.as_recorded())).collect();
    let (read_summary, jobs) = read_all(SHEET, &policy(), &mut again);
    assert_eq!((read_summary.to_do, jobs.records), (0, 0));
}

#[test]
fn rows_in_doubt_are_given_only_when_asked_for() {
    let mut job_states = KeyMap::default();
    let first = read("ticket,text\n1,a\n", &policy(), &mut job_states);
    let mut doubtful = JobState::NEW;
    doubtful.settle(Outcome::InDoubt);
    let known: KeyMap<JobState> = [(first.next[0].key, doubtful)].into_iter().collect();
    for (in_doubt, to_do) in [(InDoubt::Hold, 0), (InDoubt::Retry, 1)] {
        let policy = ReadPolicy { in_doubt, ..policy() };
        let read_summary = read("ticket,text\n1,a\n", &policy, &mut known.clone());
        assert_eq!((read_summary.to_do, read_summary.in_doubt.len()), (to_do, 1));
    }
}

#[test]
fn what_is_not_sent_is_recorded_once_and_not_given() {
    let mut job_states = KeyMap::default();
    let (first, jobs) = read_all(SHEET, &policy(), &mut job_states);
    // Another ledger knows the first of two identical rows.
    job_states.get_mut(&first.next[0].key).unwrap().exclude_now(Outcome::Skipped);
    let recorded = excluded_rows(&jobs, &mut job_states);
    let recorded: Vec<_> = recorded.iter().map(|(row, line, outcome, _)| (*row, *line, *outcome)).collect();
    assert_eq!(recorded, [(1, 2, Outcome::Skipped), (3, 4, Outcome::Invalid)]);
    assert_eq!(excluded_rows(&jobs, &mut job_states), []);
    assert_eq!(fed(&jobs, &policy(), job_states), ["job 2", "job 5"]);
}

#[test]
fn an_invalid_row_that_was_waived_stays_waived() {
    let mut job_states = KeyMap::default();
    read(SHEET, &policy(), &mut job_states);
    let invalid = job_states.values_mut().find(|job_state| job_state.outcome() == Outcome::Invalid).unwrap();
    invalid.settle(Outcome::Skipped);
    let mut job_states: KeyMap<JobState> =
        job_states.iter().map(|(key, job_state)| (*key, job_state.as_recorded())).collect();
    let (again, jobs) = read_all(SHEET, &policy(), &mut job_states);
    assert_eq!((again.counts.invalid, again.counts.skipped, again.invalid.len()), (0, 2, 0));
    assert_eq!(fed(&jobs, &policy(), job_states), ["job 1", "job 2", "job 5"]);
}

/// Reads the sheet with rows on a ticket that lost a posted note.
fn held(sheet: &str, changed: u64, job_states: &mut KeyMap<JobState>) -> (ReadSummary, JobFile) {
    let (mut read_summary, jobs) = read_all(sheet, &policy(), job_states);
    let changed = [crate::job::Ticket::try_from(changed).unwrap()].into_iter().collect();
    hold_edits(&mut jobs.jobs(), &policy(), &changed, 10, job_states, &mut read_summary).unwrap();
    (read_summary, jobs)
}

#[test]
fn rows_that_may_be_edits_are_held_and_taken_up_again_when_they_no_longer_are() {
    const TWO: &str = "ticket,text\n1,a\n2,b\n";
    let mut job_states = KeyMap::default();
    let (read_summary, jobs) = held(TWO, 1, &mut job_states);
    assert_eq!((read_summary.counts.held, read_summary.counts.pending, read_summary.to_do), (1, 1, 1));
    assert_eq!(read_summary.held[0].position.record, 1);
    assert_eq!(
        excluded_rows(&jobs, &mut job_states).iter().map(|excluded| excluded.2).collect::<Vec<_>>(),
        [Outcome::Held]
    );
    let mut job_states: KeyMap<JobState> =
        job_states.iter().map(|(key, job_state)| (*key, job_state.as_recorded())).collect();
    // Still held: nothing new to record.
    let (read_summary, jobs) = held(TWO, 1, &mut job_states.clone());
    assert_eq!((read_summary.counts.held, read_summary.to_do), (1, 1));
    assert_eq!(fed(&jobs, &policy(), job_states.clone()), ["job 2"]);
    let (read_summary, jobs) = held(TWO, 9, &mut job_states);
    assert_eq!((read_summary.counts.held, read_summary.to_do, read_summary.held.len()), (0, 2, 0));
    assert_eq!(
        excluded_rows(&jobs, &mut job_states).iter().map(|excluded| excluded.2).collect::<Vec<_>>(),
        [Outcome::Pending]
    );
    assert_eq!(fed(&jobs, &policy(), job_states), ["job 1", "job 2"]);
}

#[test]
fn what_vanished_and_what_returned_is_found() {
    let mut job_states = KeyMap::default();
    let first = read("ticket,text\n1,a\n2,b\n", &policy(), &mut job_states);
    let mut later: KeyMap<JobState> = first.next.iter().map(|job| (job.key, JobState::NEW)).collect();
    read("ticket,text\n2,b\n3,c\n", &policy(), &mut later);
    assert_eq!(presence_changes(&later), [Record::Vanished(Presence { keys: vec![first.next[0].key] })]);
    assert!(later.values().filter(|job_state| job_state.is_met()).count() == 2);
}

#[test]
fn a_column_that_names_jobs_is_all_that_makes_them_the_same() {
    let keys = |sheet: &str| {
        let mut job_states = KeyMap::default();
        let (read_summary, _) = read_rows(rows(sheet), &policy(), &mut job_states);
        read_summary.next.iter().map(|job| job.key).collect::<Vec<_>>()
    };
    let first = keys("id,ticket,text\na,1,x\nb,2,y\n");
    assert_eq!(keys("id,ticket,text\n b ,2,mended\na,7,x\n"), [first[1], first[0]]);
    assert_ne!(keys("id,ticket,text\nc,1,x\n")[0], first[0]);
}

#[test]
fn where_a_text_is_cut_makes_no_row_another_and_no_rows_alike() {
    let keys = |three: &str, four: &str| {
        let uncut = [(three, "one two three"), (four, "one two four")];
        let rows = (1..).zip(uncut).map(|(record, (text, uncut))| Row {
            position: Position { record, line: record + 1, byte: record },
            content: note(1, text, Some(uncut).filter(|uncut| *uncut != text), None),
        });
        let (read_summary, _) = read_rows(rows.collect(), &policy(), &mut KeyMap::default());
        assert_eq!(read_summary.duplicates, 0);
        read_summary.next.iter().map(|job| job.key).collect::<Vec<_>>()
    };
    let uncut = keys("one two three", "one two four");
    assert_eq!((keys("one two…", "one two…"), keys("one…", "one…")), (uncut.clone(), uncut));
}

#[test]
fn a_name_that_comes_twice_or_is_missing_makes_an_invalid_row() {
    let mut job_states = KeyMap::default();
    let sheet = "id,ticket,text\na,1,x\na,2,y\n,3,z\n,,\n";
    let (read_summary, _) = read_rows(rows(sheet), &policy(), &mut job_states);
    assert_eq!(read_summary.counts, Counts { pending: 1, invalid: 2, skipped: 1, ..Counts::default() });
    let why: Vec<&str> = read_summary.invalid.iter().map(|note| note.what.as_str()).collect();
    assert_eq!(why, [r#"an earlier row has the same key "a"; each row needs its own key"#, "no name: ,3,z",]);
    assert_eq!(read_summary.profile.reasons().count(), 2);
}

#[test]
fn a_name_that_comes_twice_makes_an_invalid_row_whatever_becomes_of_rows_alike() {
    let skip = ReadPolicy { duplicates: OnDuplicate::Skip, ..policy() };
    let sheet = "id,ticket,text\nd,3,x\nd,4,y\n";
    let mut job_states = KeyMap::default();
    let (read_summary, jobs) = read_rows(rows(sheet), &skip, &mut job_states);
    assert_eq!(read_summary.counts, Counts { pending: 1, invalid: 1, ..Counts::default() });
    assert_eq!((read_summary.duplicates, read_summary.repeats.len()), (0, 0), "it is not exactly like the other one");
    assert_eq!(
        excluded_rows(&jobs, &mut job_states).iter().map(|excluded| (excluded.0, excluded.2)).collect::<Vec<_>>(),
        [(2, Outcome::Invalid)]
    );
    assert_eq!(followed(rows(sheet), &skip), ["job 1", "invalid 2"]);
}

#[test]
fn rows_exactly_alike_are_skipped_when_it_is_asked_for_and_stay_so() {
    let skip = ReadPolicy { duplicates: OnDuplicate::Skip, ..policy() };
    let mut job_states = KeyMap::default();
    let (read_summary, jobs) = read_all(SHEET, &skip, &mut job_states);
    assert_eq!(
        (read_summary.counts.pending, read_summary.counts.skipped, read_summary.duplicates, read_summary.to_do),
        (2, 2, 1, 2)
    );
    assert_eq!(read_summary.repeats[0].position.record, 5);
    let recorded = excluded_rows(&jobs, &mut job_states);
    assert_eq!((recorded[1].0, recorded[1].3.as_str()), (5, "it repeats an earlier row of the input"));
    assert_eq!(fed(&jobs, &skip, job_states), ["job 1", "job 2"]);
    assert_eq!(followed(rows(SHEET), &skip), ["job 1", "job 2", "invalid 3", "passed skipped", "skipped 5"]);
}

#[test]
fn a_row_that_is_held_no_more_and_repeats_an_earlier_one_is_skipped_where_that_is_asked_for() {
    const TWICE: &str = "ticket,text\n1,y\n1,y\n";
    let mut job_states = KeyMap::default();
    assert_eq!(held(TWICE, 1, &mut job_states).0.counts.held, 2);
    let job_states = job_states.iter().map(|(key, job_state)| (*key, job_state.as_recorded()));
    let job_states: KeyMap<JobState> = job_states.collect();
    for (duplicates, sent) in [(OnDuplicate::Post, &["job 1", "job 2"][..]), (OnDuplicate::Skip, &["job 1"])] {
        let (policy, mut job_states) = (ReadPolicy { duplicates, ..policy() }, job_states.clone());
        let (mut read_summary, jobs) = read_all(TWICE, &policy, &mut job_states);
        hold_edits(&mut jobs.jobs(), &policy, &TicketSet::default(), 10, &mut job_states, &mut read_summary).unwrap();
        assert_eq!((read_summary.to_do, read_summary.counts.held), (sent.len() as u64, 0));
        assert_eq!(excluded_rows(&jobs, &mut job_states).len(), 2, "that they are no longer held is recorded");
        assert_eq!(fed(&jobs, &policy, job_states), sent);
    }
}

#[test]
fn a_row_of_a_stream_that_another_ledger_knows_is_none_of_the_first_so_many_and_a_doubt_stays_one() {
    let first = read("ticket,text\n1,a\n", &policy(), &mut KeyMap::default()).next[0].key;
    let mut doubt = JobState::NEW;
    doubt.settle(Outcome::InDoubt);
    let policy = ReadPolicy { first: Some(1), in_doubt: InDoubt::Retry, ..policy() };
    let mut stream = Stream::new(rows(SHEET), policy, KeyMap::from_iter([(first, doubt)]));
    let mut known = 0;
    let left_out = in_short(|| match stream.pull() {
        Event::Job(pending_job) if pending_job.job.position.record < 3 => {
            known += 1;
            stream.follow.leave_out(pending_job)
        }
        event => event,
    });
    assert_eq!(
        (known, left_out.join(", ").as_str()),
        (2, "passed in_doubt, skipped 2, invalid 3, passed skipped, job 5")
    );
}

#[test]
fn a_stream_and_a_file_know_a_named_row_by_the_same_content() {
    // The second row has another row's name: it is not a note, and not counted as an occurrence of its
    // content.
    let sheet = "id,ticket,text\na,1,x\na,1,x\nb,1,x\n";
    let (mut job_states, mut contents) = (KeyMap::default(), Vec::new());
    let of_file = read_rows(rows(sheet), &policy(), &mut job_states).1;
    for_each_to_do(&mut of_file.jobs(), &policy(), &job_states, |job| contents.push(job.content_key())).unwrap();
    let mut stream = Stream::new(rows(sheet), policy(), KeyMap::default());
    let mut of_stream = Vec::new();
    in_short(|| {
        let event = stream.pull();
        if let Event::Job(pending_job) = &event {
            of_stream.push(pending_job.job.content_key());
        }
        event
    });
    assert_eq!((contents.len(), &contents), (2, &of_stream));
}

#[test]
fn a_named_row_is_held_only_where_a_run_may_have_posted_it_without_its_name() {
    let holds = |changed, named, unnamed| ReadPolicy { changed, ..policy() }.holds_edits(named, unnamed);
    assert_eq!(
        [(false, true), (true, true), (true, false)].map(|(named, unnamed)| holds(OnChanged::Hold, named, unnamed)),
        [true, true, false]
    );
    assert!(!holds(OnChanged::Post, false, true));
}

fn named_survey(sheet: &str) -> ReadSummary {
    read_rows(rows(sheet), &policy(), &mut KeyMap::default()).0
}

#[test]
fn rows_with_the_name_of_an_earlier_one_are_counted_and_the_first_is_told() {
    let found = named_survey("id,ticket,text\na,1,x\nb,1,x\na,1,x\na,2,y\n");
    assert_eq!(found.same_names, 2);
    let first = found.first_same_name.unwrap();
    assert_eq!(first.position.record, 3);
    assert!(first.what.contains("\"a\""), "{}", first.what);
    assert_eq!(named_survey("id,ticket,text\na,1,x\nb,1,x\n").same_names, 0);
}

/// A content is known as often as it was posted, whatever its rows' names and however many of them are
/// finished.
#[test]
fn named_rows_with_one_content_are_told_apart_by_how_many_come_before() {
    const SHEET: &str = "id,ticket,text\na,1,x\nb,1,x\nc,2,y\nd,1,x\n";
    let contents = |job_states: &mut KeyMap<JobState>| {
        let (_, jobs) = read_rows(rows(SHEET), &policy(), job_states);
        let mut contents = Vec::new();
        let each = |job: crate::job::Job| contents.push((job.position.record, job.content_key()));
        for_each_to_do(&mut jobs.jobs(), &policy(), job_states, each).unwrap();
        contents
    };
    let mut job_states = KeyMap::default();
    let all = contents(&mut job_states);
    let key = all[0].1;
    assert_eq!(all.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((all[1].1, all[3].1), (key.occurrence(1), key.occurrence(2)));
    // Once the first is posted, the states of the others do not change.
    let (first, _) = read_rows(rows(SHEET), &policy(), &mut KeyMap::default());
    let mut known = KeyMap::default();
    let mut posted = JobState::NEW;
    posted.settle(Outcome::Posted);
    known.insert(first.next[0].key, posted);
    assert_eq!(contents(&mut known), all[1..]);
    // Without `--key` the keys are the same.
    let unnamed = read("ticket,text\n1,x\n1,x\n2,y\n1,x\n", &policy(), &mut KeyMap::default());
    assert_eq!(
        unnamed.next.iter().map(|job| job.key).collect::<Vec<_>>(),
        all.iter().map(|(_, key)| *key).collect::<Vec<_>>()
    );
}

#[test]
fn known_rows_are_left_out() {
    let mut job_states = KeyMap::default();
    let (mut read_summary, jobs) = read_all(SHEET, &policy(), &mut job_states);
    let known = read_summary.next[1].key;
    let skipped =
        skip_known(&mut jobs.jobs(), &policy(), |job| job.content_key() == known, &mut job_states, &mut read_summary)
            .unwrap();
    assert_eq!((skipped, read_summary.counts.skipped, read_summary.counts.pending, read_summary.to_do), (1, 2, 2, 2));
    assert!(excluded_rows(&jobs, &mut job_states)[0].3.contains("another ledger"));
    assert_eq!(fed(&jobs, &policy(), job_states), ["job 1", "job 5"]);
}

#[test]
fn a_row_in_doubt_that_another_ledger_knows_is_not_sent_again_and_stays_in_doubt() {
    let policy = ReadPolicy { in_doubt: InDoubt::Retry, ..policy() };
    let mut job_states = KeyMap::default();
    let key = read_all(SHEET, &policy, &mut job_states).0.next[0].key;
    let mut doubt = JobState::NEW;
    doubt.settle(Outcome::InDoubt);
    let mut job_states = KeyMap::from_iter([(key, doubt)]);
    let (mut read_summary, jobs) = read_all(SHEET, &policy, &mut job_states);
    assert_eq!((read_summary.counts.in_doubt, read_summary.to_do), (1, 3));
    skip_known(&mut jobs.jobs(), &policy, |job| job.content_key() == key, &mut job_states, &mut read_summary).unwrap();
    assert_eq!((read_summary.counts.in_doubt, read_summary.counts.skipped, read_summary.to_do), (1, 1, 2));
    assert!(excluded_rows(&jobs, &mut job_states).iter().all(|excluded| !excluded.3.contains("another ledger")));
    assert_eq!(fed(&jobs, &policy, job_states).len(), 2);
}
