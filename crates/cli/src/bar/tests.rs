use batchpost::outcome::Counts;
use jiff::Timestamp;

use super::*;

const NOW: Duration = Duration::from_secs(100);

fn progress(waiting: Waiting) -> Progress {
    let counts = Counts { posted: 15_231, pending: 44_769, ..Counts::default() };
    Progress { counts, posted: 15_231, attempts: 15_300, limited: 0, in_flight: 25, waiting }
}

fn view(progress: &Progress) -> View<'_> {
    View {
        progress,
        now: NOW,
        rows: Some(60_000),
        rate: Some(4.9),
        most: Some(5.0),
        used: &[],
        left: Some((Duration::from_secs(9061), "done about 03:40 tomorrow")),
        stopping: None,
        zone: const { &TimeZone::UTC },
    }
}

#[track_caller]
fn shows(view: &View<'_>, width: usize, expected: &str) {
    assert_eq!(view.screen(width, false), expected.trim_start_matches('\n'), "at {width}");
}

fn in_s(seconds: u64) -> Duration {
    NOW + Duration::from_secs(seconds)
}

#[test]
fn all_is_there_where_there_is_room_and_the_least_important_goes_first() {
    let mut progress = progress(Waiting::Limit(in_s(3)));
    progress.counts.in_doubt = 3;
    progress.counts.failed = 12;
    progress.counts.rejected = 4;
    let view = view(&progress);
    shows(
        &view,
        110,
        "
███████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  25 %
posted 15,231 of 60,000 · waiting 44,769 · in doubt 3 · failed 12 · rejected 4
4.9/s of 5/s, 98 % of the limit · 2 h 31 min left, done about 03:40 tomorrow · waits 3 s for the limit",
    );
    shows(
        &view,
        79,
        "
███████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  25 %
posted 15,231 of 60,000 · waiting 44,769 · in doubt 3 · failed 12 · rejected 4
4.9/s of 5/s, 98 % of the limit · 2 h 31 min left, done about 03:40 tomorrow",
    );
    shows(
        &view,
        60,
        "
█████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  25 %
posted 15,231 · in doubt 3 · failed 12 · rejected 4
4.9/s of 5/s · 2 h 31 min left, done about 03:40 tomorrow",
    );
    shows(
        &view,
        39,
        "
████████░░░░░░░░░░░░░░░░░░░░░░░░░  25 %
posted 15,231 · in doubt 3 · failed 12
4.9/s of 5/s · 2 h 31 min left",
    );
    shows(
        &view,
        12,
        "
█░░░░░  25 %
posted 15,2…
2 h 31 min …",
    );
}

#[test]
fn a_pause_comes_first_with_its_cause_and_for_how_long() {
    let progress = progress(Waiting::Pause(Cause::Limited, in_s(14)));
    shows(
        &view(&progress),
        100,
        "
███████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  25 %
posted 15,231 of 60,000 · waiting 44,769
pauses 14 s: the API reports that the limit is exceeded",
    );
    shows(
        &view(&progress),
        39,
        "
████████░░░░░░░░░░░░░░░░░░░░░░░░░  25 %
posted 15,231 of 60,000
pauses 14 s: over the limit",
    );
}

#[test]
fn closed_hours_say_when_they_open() {
    let opens: Timestamp = "2026-11-27T22:00:00Z".parse().unwrap();
    let progress = progress(Waiting::Hours(in_s(60), opens));
    let used = ["4,210 of 10000/1d".to_owned()];
    let view = View { used: &used, ..view(&progress) };
    let course = |width| view.screen(width, false).lines().last().unwrap().to_owned();
    assert_eq!(course(99), "outside the hours until Fri 22:00 · 4,210 of 10000/1d used · done about 03:40 tomorrow");
    assert_eq!(course(39), "outside the hours until Fri 22:00");
    assert_eq!(course(20), "opens Fri 22:00");
}

#[test]
fn a_run_that_stops_says_why_and_what_it_still_waits_for() {
    let progress = progress(Waiting::UnderWay);
    let view = View { stopping: Some(Stop::Interrupted), ..view(&progress) };
    assert_eq!(view.screen(79, false).lines().last(), Some("stopping (interrupted), awaits 25 answers"));
}

#[test]
fn a_stream_has_no_gauge_and_short_waits_are_not_said() {
    let mut progress = progress(Waiting::Limit(NOW + Duration::from_millis(200)));
    progress.counts.pending = 25;
    let view = View { rows: None, rate: Some(1200.0), most: None, left: None, ..view(&progress) };
    shows(
        &view,
        79,
        "
posted 15,231 · waiting 25
1200/s",
    );
    assert_eq!(view.line(), "posted 15,231 · waiting 25 · 1200/s");
}

#[test]
fn what_asks_for_attention_is_coloured_only_where_colours_are_wanted() {
    let mut progress = progress(Waiting::UnderWay);
    progress.counts.in_doubt = 3;
    let view = view(&progress);
    assert!(view.screen(79, true).contains(" · \u{1b}[33min doubt 3\u{1b}[0m"));
    assert!(!view.screen(79, false).contains('\u{1b}'));
}

#[test]
fn no_line_is_longer_than_the_terminal_is_wide() {
    let waits = [
        Waiting::UnderWay,
        Waiting::Limit(in_s(40)),
        Waiting::Retry(in_s(4)),
        Waiting::Pause(Cause::Unclear, in_s(900)),
        Waiting::Pause(Cause::Failing, in_s(1)),
        Waiting::Hours(in_s(60), Timestamp::UNIX_EPOCH),
    ];
    for (waiting, n) in waits.into_iter().flat_map(|waiting| [0, 7, 12_345, 9_876_543_210].map(|n| (waiting, n))) {
        let counts =
            Counts { posted: n, pending: n, in_doubt: n, failed: n, rejected: n, invalid: n, held: n, skipped: n };
        let progress = Progress { counts, ..progress(waiting) };
        for (width, stopping) in (0..130).flat_map(|width| [(width, None), (width, Some(Stop::Outage))]) {
            let view = View { rows: Some(counts.total()), rate: Some(n as f64 / 7.0), stopping, ..view(&progress) };
            for line in view.screen(width, false).lines() {
                assert!(line.chars().count() <= width, "{line:?} at {width}");
            }
        }
    }
}
