use proptest::prelude::*;

use super::*;
use crate::answer::Answer;
use crate::{Api, FaultRule};

const PATH: &str = "/api/tenants/1/internalnote/upload";

fn body(ticket: u64) -> String {
    format!(
        r#"{{"TextPart":"n","ActivityType":"CreateInternalNote","StorageType":"Permament","RelatedTicketId":{ticket}}}"#
    )
}

fn post(model: &mut Model, at_ms: u64, ticket: u64) -> Fate {
    send(model, at_ms, PATH, &body(ticket))
}

fn send(model: &mut Model, at_ms: u64, path: &str, body: &str) -> Fate {
    let request = Received {
        method: "POST",
        path,
        access_key: None,
        secret_key: None,
        authorization: None,
        body: body.as_bytes(),
    };
    model.receive(Duration::from_millis(at_ms), SystemTime::UNIX_EPOCH, &request)
}

fn with_faults(rules: &[&str]) -> Model {
    let faults = rules.iter().map(|rule| rule.parse::<FaultRule>().unwrap()).collect();
    Model::new(Settings { faults, ..Settings::default() })
}

fn status(fate: &Fate) -> Option<u16> {
    match fate {
        Fate::Reply(Answer { status, .. }) => Some(*status),
        _ => None,
    }
}

#[test]
fn what_was_said_of_a_request_goes_before_what_was_said_of_its_ticket_and_both_before_chance() {
    for rules in [&["429=1", "400@ticket:7", "503@2", "502@2"], &["503@2", "502@2", "400@ticket:7", "429=1"]] {
        let mut model = with_faults(rules);
        let met = [143, 7, 7].map(|ticket| status(&post(&mut model, 0, ticket)));
        assert_eq!(met, [Some(429), Some(503), Some(400)], "{rules:?}");
    }
}

#[test]
fn the_26th_request_in_five_seconds_is_refused_and_creates_nothing() {
    let mut model = Model::new(Settings::default());
    for n in 0..25 {
        assert_eq!(post(&mut model, n * 200, 143), Fate::Reply(answer::created(Api::LeadSquared, 143)));
    }
    assert_eq!(status(&post(&mut model, 5000, 143)), Some(429));
    assert_eq!(status(&post(&mut model, 5001, 143)), Some(200));
    let report = Report {
        requests: 27,
        lost: 0,
        limited: 1,
        refused: 1,
        other_clients: 0,
        other_clients_refused: 0,
        notes: 26,
        tickets: 1,
        most_in_any_window: 26,
        most_in_a_fixed_window: None,
    };
    assert_eq!(model.report(), report);
    assert_eq!(model.refusals(), [Duration::from_secs(5)]);
}

#[test]
fn a_note_is_kept_as_it_was_posted() {
    let mut model = Model::new(Settings::default());
    post(&mut model, 7, 143);
    assert_eq!(
        model.notes(),
        [Note { at: Duration::from_millis(7), ticket: 143, text: "n".to_owned(), fields: serde_json::Map::new() }]
    );
}

#[test]
fn every_fault_creates_counts_and_limits_as_it_says() {
    for fault in Fault::ALL.iter().copied() {
        let mut model = with_faults(&[&format!("{fault}@1")]);
        let fate = post(&mut model, 0, 143);
        assert_ne!(fate, Fate::Reply(answer::created(Api::LeadSquared, 143)), "{fault}");
        let report = model.report();
        let creates = ["500-created", "wrong-ticket", "cut-short", "reset", "silence"].contains(&fault.name());
        assert_eq!(report.notes, usize::from(creates), "{fault}");
        assert_eq!(report.requests, usize::from(fault != Fault::Lost), "{fault}");
        assert_eq!(report.lost, usize::from(fault == Fault::Lost), "{fault}");
        assert_eq!((report.limited, report.refused), (usize::from(fault.limits()), 0), "{fault}");
        assert_eq!(status(&post(&mut model, 0, 143)), Some(200), "{fault} strikes the first request only");
    }
}

#[test]
fn the_faults_without_a_reply_differ_in_how_they_keep_it_back() {
    let mut model = with_faults(&["reset@1", "reset-lost@2", "silence@3", "lost@4", "cut-short@5", "wrong-ticket@6"]);
    let fates: Vec<Fate> = (0..6).map(|_| post(&mut model, 0, 143)).collect();
    let cut = Fate::CutShort(answer::created(Api::LeadSquared, 143));
    let wrong = Fate::Reply(answer::created(Api::LeadSquared, 144));
    assert_eq!(fates, [Fate::Closed, Fate::Closed, Fate::Silence, Fate::Silence, cut, wrong]);
}

#[test]
fn a_fault_by_ticket_strikes_every_request_for_it_and_no_other() {
    let mut model = with_faults(&["400@ticket:143"]);
    let answered: Vec<_> = [143, 144, 143].map(|ticket| status(&post(&mut model, 0, ticket))).into();
    assert_eq!(answered, [Some(400), Some(200), Some(400)]);
}

#[test]
fn the_first_rule_that_strikes_decides() {
    let mut model = with_faults(&["502=0", "503@1", "500@ticket:143"]);
    assert_eq!(status(&post(&mut model, 0, 143)), Some(503));
    assert_eq!(status(&post(&mut model, 0, 143)), Some(500));
}

#[test]
fn a_fault_that_strikes_one_request_leaves_the_fates_of_the_others_alone() {
    let later_fates = |rules: &[&str]| {
        let mut model = with_faults(rules);
        let fates: Vec<Fate> = (0..25).map(|_| post(&mut model, 0, 143)).collect();
        fates[1..].to_vec()
    };
    assert_eq!(later_fates(&["400@1", "503=0.5"]), later_fates(&["503=0.5"]));
}

#[test]
fn a_request_that_exceeds_the_limit_meets_no_fault_but_being_lost() {
    let faults = ["reset=1"].map(|rule| rule.parse().unwrap()).into();
    let mut model = Model::new(Settings { limit: Some(0), faults, ..Settings::default() });
    assert_eq!(status(&post(&mut model, 0, 143)), Some(429));
    assert_eq!(model.notes(), []);
}

#[test]
fn a_fault_that_creates_the_note_passes_over_a_request_for_none() {
    let mut model = with_faults(&["reset=1"]);
    assert_eq!(status(&send(&mut model, 0, PATH, "{}")), Some(400));
    assert_eq!(status(&send(&mut model, 0, "/moved", &body(143))), Some(404));
    assert_eq!(model.notes(), []);
}

#[test]
fn a_fault_that_creates_nothing_strikes_whatever_arrives() {
    let mut model = with_faults(&["502=1"]);
    assert_eq!(status(&send(&mut model, 0, "/moved", "")), Some(502));
}

#[test]
#[should_panic(expected = "time runs backwards")]
fn time_never_runs_backwards() {
    let mut model = Model::new(Settings::default());
    post(&mut model, 1, 143);
    post(&mut model, 0, 143);
}

#[test]
fn the_report_is_json() {
    let settings = Settings { counting: Counting::Fixed { phase: Duration::ZERO }, ..Settings::default() };
    let mut model = Model::new(settings);
    post(&mut model, 0, 143);
    let expected = r#"{"requests":1,"lost":0,"limited":0,"refused":0,"notes":1,"tickets":1,"strangers":0,"strangers_refused":0,"most_in_any_window":1,"most_in_a_fixed_window":1}"#;
    assert_eq!(serde_json::to_string(&model.report()).unwrap(), expected);
}

#[test]
fn a_latency_without_an_extent_takes_no_time() {
    let mut model = Model::new(Settings { latency: Duration::ZERO..=Duration::ZERO, ..Settings::default() });
    assert_eq!(model.journey(), Journey { out: Duration::ZERO, back: Duration::ZERO });
}

proptest! {
    #[test]
    fn journeys_out_and_back_sum_to_the_latency(a in 0u64..1000, b in 0u64..1000, seed: u64) {
        let [shortest, longest] = [a.min(b), a.max(b)].map(Duration::from_millis);
        let mut model = Model::new(Settings { latency: shortest..=longest, seed, ..Settings::default() });
        let Journey { out, back } = model.journey();
        prop_assert!((shortest..=longest).contains(&(out + back)), "{:?} + {:?}", out, back);
    }

    #[test]
    fn the_same_seed_and_calls_meet_the_same_fates(
        seed: u64,
        probabilities in prop::collection::vec(0.0..=1.0, 3),
        calls in prop::collection::vec((0u64..2000, 1u64..4), 0..60),
    ) {
        let fates = || {
            let faults = probabilities.iter().zip(["reset", "503", "lost"]);
            let faults = faults.map(|(probability, kind)| format!("{kind}={probability}").parse().unwrap()).collect();
            let mut model = Model::new(Settings { seed, faults, ..Settings::default() });
            let mut at = 0;
            let fates: Vec<(Journey, Fate)> = calls.iter().map(|(step, ticket)| {
                at += step;
                (model.journey(), post(&mut model, at, *ticket))
            }).collect();
            (fates, model.report(), model.rng.u64(..))
        };
        prop_assert_eq!(fates(), fates());
    }

    #[test]
    fn the_reports_numbers_add_up(
        seed: u64,
        limit in prop::option::of(0u32..8),
        calls in prop::collection::vec((0u64..900, 1u64..4), 0..120),
    ) {
        let faults: Vec<FaultRule> = Fault::ALL
            .iter()
            .map(|fault| FaultRule { fault: *fault, when: When::Probability(0.03) })
            .collect();
        let mut model = Model::new(Settings { limit, seed, faults, ..Settings::default() });
        let mut at = 0;
        let mut limited = 0;
        for (step, ticket) in &calls {
            at += step;
            if let Fate::Reply(answer) = post(&mut model, at, *ticket) {
                limited += usize::from(answer.body.contains("RateLimit"));
            }
        }
        let report = model.report();
        prop_assert_eq!(report.requests + report.lost, calls.len());
        prop_assert_eq!(report.limited, limited);
        prop_assert!(report.notes + report.limited <= report.requests);
        let noted: Vec<Duration> = model.notes().iter().map(|note| note.at).collect();
        prop_assert!(limit.is_none_or(|limit| most_in_any(&noted, Settings::WINDOW) <= limit as usize));
    }
}
