use proptest::prelude::*;

use super::start::Start;
use super::*;
use crate::input::{Format, InputError, MaxText, Options, Recipe, Rows, TooLong};
use crate::job::{Identity, KeyMap};
use crate::leadsquared;
use crate::ledger::{Batch, Header, LedgerId, Pass, Presence, Record, Standing};
use crate::outcome::{Counts, Outcome};
use crate::settings::{InDoubt, OnDuplicate};

const SHEET: &str = "ticket,text\n1,a\n2,b\nx,c\n,\n1,a\n";

fn ask() -> Ask {
    Ask { identity: Identity::of("t"), ..Ask::default() }
}

fn rows(sheet: &str) -> Rows<&[u8]> {
    Rows::open(sheet.as_bytes(), &Options::new(Format::Csv).into()).unwrap()
}

fn read(sheet: &str, ask: &Ask, standings: &mut KeyMap<Standing>) -> Survey {
    survey(&mut rows(sheet), ask, &Past::default(), Named { notes: 10, jobs: 10 }, standings).unwrap()
}

/// What the feed gives, in short: the row numbers of jobs, and the other things by name.
fn feed(mut feed: Feed<&[u8]>) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    loop {
        match feed.pull().map_err(|error| error.to_string())? {
            Fed::Job(offer) => all.push(format!("job {}", offer.job.position.record)),
            Fed::Aside(aside) => all.push(format!("{} {}", aside.stands, aside.row)),
            Fed::Passed(outcome) => all.push(format!("passed {outcome}")),
            Fed::Withheld => {
                all.push("withheld".to_owned());
                return Ok(all);
            }
            Fed::End => return Ok(all),
        }
    }
}

fn feed_again(first: &str, second: &str, ask: &Ask) -> Result<Vec<String>, String> {
    let mut standings = KeyMap::default();
    let survey = read(first, ask, &mut standings);
    feed(Feed::of_surveyed(rows(second), ask.clone(), standings, &survey))
}

#[test]
fn the_first_reading_counts_every_row_once() {
    let survey = read(SHEET, &ask(), &mut KeyMap::default());
    assert_eq!(survey.counts, Counts { pending: 3, invalid: 1, skipped: 1, ..Counts::default() });
    assert_eq!((survey.rows, survey.counts.total()), (5, 5));
    assert_eq!((survey.blank, survey.duplicates, survey.to_do), (1, 1, 3));
    assert_eq!(survey.invalid[0].position.record, 3);
}

#[test]
fn rows_exactly_alike_are_jobs_of_their_own() {
    let mut standings = KeyMap::default();
    let survey = read(SHEET, &ask(), &mut standings);
    assert_eq!(standings.len(), 4);
    assert_ne!(survey.next[0].key, survey.next[2].key);
}

#[test]
fn the_second_reading_gives_what_is_to_do_in_order() {
    assert_eq!(feed_again(SHEET, SHEET, &ask()).unwrap(), ["job 1", "job 2", "invalid 3", "job 5"]);
}

#[test]
fn only_so_many_are_given_as_are_asked_for() {
    let two = Ask { first: Some(2), ..ask() };
    assert_eq!(feed_again(SHEET, SHEET, &two).unwrap(), ["job 1", "job 2", "invalid 3", "withheld"]);
    let three = Ask { first: Some(3), ..ask() };
    assert_eq!(feed_again(SHEET, SHEET, &three).unwrap().last().unwrap(), "job 5");
}

#[test]
fn a_stream_is_counted_as_it_comes() {
    let stream = Feed::of_stream(rows(SHEET), ask(), &Past::default(), KeyMap::default());
    assert_eq!(feed(stream).unwrap(), ["job 1", "job 2", "invalid 3", "passed skipped", "job 5"]);
}

#[test]
fn what_the_ledger_knows_as_done_is_not_given_again_wherever_it_moved() {
    let mut standings = KeyMap::default();
    let first = read(SHEET, &ask(), &mut standings);
    let mut known = KeyMap::default();
    let mut standing = Standing::NEW;
    standing.settle(Outcome::Posted);
    known.insert(first.next[0].key, standing);
    let sorted = "ticket,text\n1,a\n1,a\n2,b\n3,new\n";
    let second = read(sorted, &ask(), &mut known);
    assert_eq!(second.counts, Counts { posted: 1, pending: 3, ..Counts::default() });
    let feed = feed(Feed::of_surveyed(rows(sorted), ask(), known, &second)).unwrap();
    assert_eq!(feed, ["job 2", "job 3", "job 4"]);
}

#[test]
fn a_row_that_differs_from_the_first_reading_ends_the_run() {
    let changed = |second: &str| feed_again(SHEET, second, &ask()).unwrap_err();
    assert!(changed("ticket,text\n1,a\n2,B\nx,c\n,\n1,a\n").contains("row 2 (line 3)"));
    assert!(changed("ticket,text\n1,a\n2,b\nx,c\n,\n1,a\n1,a\n").contains("row 6"));
    assert!(changed("ticket,text\n1,a\n2,b\nx,c\n,\n").contains("5 rows at first and 4 later"));
    assert!(changed("ticket,text\n1,a\n2,b\ny,c\n,\n1,a\n").contains("row 3"));
    assert!(changed("ticket,text\n1,a\n2,b\nx,c\n,\n,\n").contains("1 blank rows at first and 2 later"));
}

/// The same rows as CSV or as lines of JSON, and what the first reading makes of them where some are done.
fn surveyed(rows: &[(u8, bool)], format: Format) -> (String, KeyMap<Standing>, Survey) {
    let mut input = String::from(if format == Format::Csv { "ticket,text\r\n" } else { "" });
    for (row, _) in rows {
        input += &match (row, format) {
            (0, Format::Csv) => ",\r\n\r\n".to_owned(),
            (0, _) => "{\"ticket\":\"\",\"text\":\"\"}\n\n".to_owned(),
            (row, Format::Csv) => format!("{row},\"a\nb\"\r\n"),
            (row, _) => format!(r#"{{"ticket":{row},"text":"a\nb"}}"#) + "\n",
        };
    }
    let mut standings = KeyMap::default();
    let named = Named { notes: 0, jobs: rows.len() };
    let mut all = Rows::open(input.as_bytes(), &Options::new(format).into()).unwrap();
    let first = survey(&mut all, &ask(), &Past::default(), named, &mut standings).unwrap();
    let done = rows.iter().filter(|(row, _)| *row > 0).map(|(_, done)| done);
    for (job, _) in first.next.iter().zip(done).filter(|(_, done)| **done) {
        standings.get_mut(&job.key).unwrap().settle(Outcome::Posted);
    }
    standings.values_mut().for_each(|standing| standing.forget(Pass::First));
    let mut all = Rows::open(input.as_bytes(), &Options::new(format).into()).unwrap();
    let survey = survey(&mut all, &ask(), &Past::default(), named, &mut standings).unwrap();
    (input, standings, survey)
}

fn second_reading(input: &str, format: Format, standings: KeyMap<Standing>, survey: &Survey) -> Feed<&'static [u8]> {
    let input: &'static [u8] = input.as_bytes().to_vec().leak();
    Feed::of_surveyed(Rows::open(input, &Options::new(format).into()).unwrap(), ask(), standings, survey)
}

proptest! {
    /// Keys, occurrences and positions do not depend on where the second reading begins.
    #[test]
    fn a_reading_that_begins_with_the_first_row_to_do_gives_what_a_whole_one_gives(
        rows in prop::collection::vec((0..4_u8, prop::bool::weighted(0.8)), 0..12),
        lines in any::<bool>(),
    ) {
        let format = if lines { Format::JsonLines } else { Format::Csv };
        let (input, standings, survey) = surveyed(&rows, format);
        let whole = Survey { start: Start::First, ..survey.clone() };
        let mut unmarked = standings.clone();
        unmarked.values_mut().for_each(|standing| {
            standing.forget(Pass::First);
            standing.meet(Pass::First);
        });
        let mut later = second_reading(&input, format, standings, &survey);
        let mut whole = second_reading(&input, format, unmarked, &whole);
        loop {
            let fed = later.pull().unwrap();
            prop_assert_eq!(&fed, &whole.pull().unwrap());
            if fed == Fed::End {
                break;
            }
        }
    }
}

#[test]
fn what_the_second_reading_passes_over_is_known_by_its_bytes() {
    let (input, standings, survey) = surveyed(&[(1, true), (2, false)], Format::Csv);
    for (second, changed) in [(input.clone(), false), (input.replacen('a', "A", 1), true)] {
        let mut feed = second_reading(&second, Format::Csv, standings.clone(), &survey).expecting(Some(input.clone()));
        assert!(matches!(feed.pull(), Ok(Fed::Job(offer)) if offer.job.position.record == 2));
        assert_eq!(feed.pull().unwrap(), Fed::End);
        let error = feed.at_the_end(|_| second.clone()).err().map(|error| error.to_string());
        assert_eq!(error.is_some_and(|error| error.contains("its bytes are not what they were")), changed);
    }
}

#[test]
fn where_nothing_is_to_do_nothing_is_read_again() {
    let (_, standings, survey) = surveyed(&[(1, true), (2, true)], Format::Csv);
    let mut feed = second_reading("ticket,text\n", Format::Csv, standings, &survey).expecting(Some("x".to_owned()));
    assert_eq!(feed.pull().unwrap(), Fed::End);
    assert_eq!(feed.at_the_end(|_| "y".to_owned()).unwrap(), []);
}

#[test]
fn rows_in_doubt_are_given_only_when_asked_for() {
    let mut standings = KeyMap::default();
    let first = read("ticket,text\n1,a\n", &ask(), &mut standings);
    let mut doubtful = Standing::NEW;
    doubtful.settle(Outcome::InDoubt);
    let known: KeyMap<Standing> = [(first.next[0].key, doubtful)].into_iter().collect();
    for (in_doubt, to_do) in [(InDoubt::Hold, 0), (InDoubt::Retry, 1)] {
        let ask = Ask { in_doubt, ..ask() };
        let survey = read("ticket,text\n1,a\n", &ask, &mut known.clone());
        assert_eq!((survey.to_do, survey.in_doubt.len()), (to_do, 1));
    }
}

#[test]
fn what_was_set_aside_is_recorded_once_and_then_passed_over() {
    let mut standings = KeyMap::default();
    let first = read(SHEET, &ask(), &mut standings);
    // Another ledger has the first of two rows exactly alike.
    standings.get_mut(&first.next[0].key).unwrap().set_aside_now(Outcome::Skipped);
    let asides = |standings: &mut KeyMap<Standing>| {
        let mut asides = Vec::new();
        record_asides::<_, InputError>(&mut rows(SHEET), Identity::of("t"), &first, standings, &mut |aside| {
            asides.push((aside.row, aside.line, aside.stands));
            Ok(())
        })
        .unwrap();
        asides
    };
    assert_eq!(asides(&mut standings), [(1, 2, Outcome::Skipped), (3, 4, Outcome::Invalid)]);
    assert_eq!(asides(&mut standings), []);
    assert_eq!(feed(Feed::of_surveyed(rows(SHEET), ask(), standings, &first)).unwrap(), ["job 2", "job 5"]);
}

#[test]
fn an_invalid_row_that_was_waived_stays_waived() {
    let mut standings = KeyMap::default();
    read(SHEET, &ask(), &mut standings);
    let invalid = standings.values_mut().find(|standing| standing.outcome() == Outcome::Invalid).unwrap();
    invalid.settle(Outcome::Skipped);
    invalid.note_recorded();
    standings.values_mut().for_each(|standing| standing.forget(Pass::First));
    let again = read(SHEET, &ask(), &mut standings);
    assert_eq!((again.counts.invalid, again.counts.skipped, again.invalid.len()), (0, 2, 0));
    let fed = feed(Feed::of_surveyed(rows(SHEET), ask(), standings, &again)).unwrap();
    assert_eq!(fed, ["job 1", "job 2", "job 5"]);
}

#[test]
fn what_vanished_and_what_returned_is_found() {
    let mut standings = KeyMap::default();
    let first = read("ticket,text\n1,a\n2,b\n", &ask(), &mut standings);
    let mut later: KeyMap<Standing> = first.next.iter().map(|job| (job.key, Standing::NEW)).collect();
    read("ticket,text\n2,b\n3,c\n", &ask(), &mut later);
    assert_eq!(presence_changes(&later), [Record::Vanished(Presence { keys: vec![first.next[0].key] })]);
    assert!(later.values().filter(|standing| standing.is_met(Pass::First)).count() == 2);
}

fn named_rows(sheet: &str) -> Rows<&[u8]> {
    let columns = vec!["key=id".parse().unwrap()];
    Rows::open(sheet.as_bytes(), &Options { columns, ..Options::new(Format::Csv) }.into()).unwrap()
}

#[test]
fn a_column_that_names_jobs_is_all_that_makes_them_the_same() {
    let named = Named { notes: 10, jobs: 10 };
    let keys = |sheet: &str| {
        let mut standings = KeyMap::default();
        let survey = survey(&mut named_rows(sheet), &ask(), &Past::default(), named, &mut standings).unwrap();
        survey.next.iter().map(|job| job.key).collect::<Vec<_>>()
    };
    let first = keys("id,ticket,text\na,1,x\nb,2,y\n");
    assert_eq!(keys("id,ticket,text\n b ,2,mended\na,7,x\n"), [first[1], first[0]]);
    assert_ne!(keys("id,ticket,text\nc,1,x\n")[0], first[0]);
}

#[test]
fn where_a_text_is_cut_makes_no_row_another_and_no_rows_alike() {
    let keys = |bytes: u32, reserved: u32| {
        let max_text = Some(MaxText { bytes: bytes.try_into().unwrap(), too_long: TooLong::Truncate });
        let recipe: Recipe = Options { max_text, ..Options::new(Format::Csv) }.into();
        let sheet = "ticket,text\n1,one two three\n1,one two four\n";
        let mut rows = Rows::open(sheet.as_bytes(), &recipe.reserving(reserved)).unwrap();
        let named = Named { notes: 10, jobs: 10 };
        let survey = survey(&mut rows, &ask(), &Past::default(), named, &mut KeyMap::default()).unwrap();
        assert_eq!(survey.duplicates, 0);
        survey.next.iter().map(|job| job.key).collect::<Vec<_>>()
    };
    let uncut = keys(100, 0);
    assert_eq!((keys(10, 0), keys(11, 0), keys(11, 2)), (uncut.clone(), uncut.clone(), uncut));
}

#[test]
fn a_name_that_comes_twice_or_is_missing_makes_an_invalid_row() {
    let mut standings = KeyMap::default();
    let named = Named { notes: 10, jobs: 10 };
    let sheet = "id,ticket,text\na,1,x\na,2,y\n,3,z\n,,\n";
    let survey = survey(&mut named_rows(sheet), &ask(), &Past::default(), named, &mut standings).unwrap();
    assert_eq!(survey.counts, Counts { pending: 1, invalid: 2, skipped: 1, ..Counts::default() });
    let why: Vec<&str> = survey.invalid.iter().map(|note| note.what.as_str()).collect();
    assert_eq!(
        why,
        [
            r#"an earlier row is named "a" as well; the column that names jobs must differ in each row"#,
            r#"column "id" is empty; it is to name the job"#,
        ]
    );
    assert_eq!(survey.profile.reasons().count(), 2);
}

#[test]
fn a_name_that_comes_twice_makes_an_invalid_row_whatever_becomes_of_rows_alike() {
    let skip = Ask { duplicates: OnDuplicate::Skip, ..ask() };
    let named = Named { notes: 10, jobs: 10 };
    let sheet = "id,ticket,text\nd,3,x\nd,4,y\n";
    let survey = survey(&mut named_rows(sheet), &skip, &Past::default(), named, &mut KeyMap::default()).unwrap();
    assert_eq!(survey.counts, Counts { pending: 1, invalid: 1, ..Counts::default() });
    assert_eq!((survey.duplicates, survey.repeats.len()), (0, 0), "it is not exactly like the other one");
    let fed = feed(Feed::of_stream(named_rows(sheet), skip, &Past::default(), KeyMap::default())).unwrap();
    assert_eq!(fed, ["job 1", "invalid 2"]);
}

#[test]
fn rows_exactly_alike_are_skipped_when_it_is_asked_for_and_stay_so() {
    let skip = Ask { duplicates: OnDuplicate::Skip, ..ask() };
    let mut standings = KeyMap::default();
    let survey = read(SHEET, &skip, &mut standings);
    assert_eq!((survey.counts.pending, survey.counts.skipped, survey.duplicates, survey.to_do), (2, 2, 1, 2));
    assert_eq!(survey.repeats[0].position.record, 5);
    let mut why = Vec::new();
    record_asides::<_, InputError>(&mut rows(SHEET), Identity::of("t"), &survey, &mut standings, &mut |aside| {
        why.push((aside.row, aside.why));
        Ok(())
    })
    .unwrap();
    assert_eq!(why[1], (5, "it repeats an earlier row of the input".to_owned()));
    assert_eq!(feed(Feed::of_surveyed(rows(SHEET), skip.clone(), standings, &survey)).unwrap(), ["job 1", "job 2"]);
    // A stream has no reading before.
    let fed = feed(Feed::of_stream(rows(SHEET), skip, &Past::default(), KeyMap::default())).unwrap();
    assert_eq!(fed, ["job 1", "job 2", "invalid 3", "passed skipped", "skipped 5"]);
}

/// The named rows of `sheet` in a ledger whose jobs on these tickets vanished.
fn named_survey(sheet: &str, past: &Past, standings: &mut KeyMap<Standing>) -> Survey {
    survey(&mut named_rows(sheet), &ask(), past, Named { notes: 10, jobs: 10 }, standings).unwrap()
}

#[test]
fn a_named_row_is_held_only_where_a_run_may_have_posted_it_without_its_name() {
    let changed = [crate::job::Ticket::try_from(1).unwrap()].into_iter().collect();
    let past = Past { changed, ..Past::default() };
    for (unnamed, held) in [(false, 0), (true, 1)] {
        let past = Past { unnamed, ..past.clone() };
        assert_eq!(named_survey("id,ticket,text\nc,1,x\n", &past, &mut KeyMap::default()).counts.held, held);
    }
}

#[test]
fn rows_with_the_name_of_an_earlier_one_are_counted_and_the_first_is_told() {
    let found = named_survey("id,ticket,text\na,1,x\nb,1,x\na,1,x\na,2,y\n", &Past::default(), &mut KeyMap::default());
    assert_eq!(found.same_names, 2);
    let first = found.first_same_name.unwrap();
    assert_eq!(first.position.record, 3);
    assert!(first.what.contains("\"a\""), "{}", first.what);
    assert_eq!(named_survey("id,ticket,text\na,1,x\nb,1,x\n", &Past::default(), &mut KeyMap::default()).same_names, 0);
}

#[test]
fn named_rows_are_known_elsewhere_by_their_content_as_often_as_it_was_posted_there() {
    // The other run was not told of the column; it has posted one of two rows alike, and refused another.
    let mut other = Batch::new(header());
    let unnamed = "id,ticket,text\n,1,x\n,1,x\n,2,y\n,3,z\n";
    let theirs = read(unnamed, &ask(), &mut KeyMap::default());
    for (job, stands) in theirs.next.iter().zip([Outcome::Posted, Outcome::Rejected, Outcome::InDoubt]) {
        other.standings.entry(job.key).or_default().settle(stands);
    }
    let sheet = "id,ticket,text\na,1,x\nb,1,x\nc,2,y\nd,3,z\ne,4,new\n";
    let mut standings = KeyMap::default();
    let mut ours = named_survey(sheet, &Past::default(), &mut standings);
    let known = |other: &Batch, standings: &KeyMap<Standing>| {
        known_by_content(&mut named_rows(sheet), &ask().identity, other, standings).unwrap()
    };
    let keys = known(&other, &standings);
    assert_eq!(keys, [ours.next[0].key, ours.next[2].key]);
    assert_eq!(known_elsewhere(&other, &standings), 0);
    // What it knows by name as well is counted once.
    other.standings.entry(keys[0]).or_default().settle(Outcome::Posted);
    assert_eq!((known(&other, &standings), known_elsewhere(&other, &standings)), (vec![keys[1]], 1));
    skip_rows(&keys, &mut standings, &mut ours);
    assert_eq!((ours.counts.skipped, ours.counts.pending, ours.to_do), (2, 3, 3));
    assert_eq!(known(&other, &standings), []);
}

#[test]
fn what_an_unquoted_delimiter_split_off_is_exported_as_it_stood() {
    for (sheet, wanted) in [
        ("ticket;text\n1;hello; world;\n", "1;\"hello; world;\";pending"),
        ("ticket,text\n1,hello, world\n", "1,\"hello, world\",pending"),
        ("ticket|text\n1|\n", "1,,pending"),
    ] {
        let mut out = Vec::new();
        let (histories, wanted_outcomes) = (KeyMap::default(), [Outcome::Pending]);
        let mut batch = Batch::new(header());
        let identity = Identity::of("t");
        export_input(&mut rows(sheet), identity, &mut batch, &histories, &wanted_outcomes, &mut out).unwrap();
        let exported = String::from_utf8(out).unwrap();
        assert!(exported.lines().nth(1).unwrap().starts_with(wanted), "{exported}");
    }
}

fn header() -> Header {
    Header {
        version: 1,
        id: LedgerId(1),
        key_scheme: 1,
        tool: "test".to_owned(),
        api: leadsquared::NAME.to_owned(),
        target: "t".to_owned(),
        wall: jiff::Timestamp::UNIX_EPOCH,
    }
}
