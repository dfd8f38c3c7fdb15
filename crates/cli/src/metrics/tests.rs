use super::*;

fn facts() -> Facts {
    Facts {
        name: "nightly".to_owned(),
        target: Some("https://host/\"odd\"\\\n".to_owned()),
        started: "2026-11-27T01:00:00Z".parse().unwrap(),
        updated: "2026-11-27T01:20:00.5Z".parse().unwrap(),
        ended: None,
        counts: Some(Counts { posted: 40, pending: 2, in_doubt: 1, ..Counts::default() }),
        posted: 40,
        attempts: 44,
        limited: 1,
        stopped: None,
        last_success: None,
    }
}

#[test]
fn a_run_under_way_is_told_with_where_its_rows_stand() {
    let text = facts().text().replace(crate::VERSION, "VERSION");
    assert_eq!(
        text,
        r#"# HELP batchpost_run_info What the last run posted to, and the program's version.
# TYPE batchpost_run_info gauge
batchpost_run_info{name="nightly",target="https://host/\"odd\"\\\n",version="VERSION"} 1
# HELP batchpost_rows Rows of the input by outcome.
# TYPE batchpost_rows gauge
batchpost_rows{name="nightly",outcome="posted"} 40
batchpost_rows{name="nightly",outcome="rejected"} 0
batchpost_rows{name="nightly",outcome="failed"} 0
batchpost_rows{name="nightly",outcome="in_doubt"} 1
batchpost_rows{name="nightly",outcome="pending"} 2
batchpost_rows{name="nightly",outcome="invalid"} 0
batchpost_rows{name="nightly",outcome="held"} 0
batchpost_rows{name="nightly",outcome="skipped"} 0
# HELP batchpost_run_posted_rows Rows that the last run posted.
# TYPE batchpost_run_posted_rows gauge
batchpost_run_posted_rows{name="nightly"} 40
# HELP batchpost_run_attempts Requests that the last run made.
# TYPE batchpost_run_attempts gauge
batchpost_run_attempts{name="nightly"} 44
# HELP batchpost_run_limited_attempts Requests of the last run that were answered with the limit.
# TYPE batchpost_run_limited_attempts gauge
batchpost_run_limited_attempts{name="nightly"} 1
# HELP batchpost_run_active Whether a run is under way; 1 also after one that was killed.
# TYPE batchpost_run_active gauge
batchpost_run_active{name="nightly"} 1
# HELP batchpost_run_start_time_seconds When the last run began.
# TYPE batchpost_run_start_time_seconds gauge
batchpost_run_start_time_seconds{name="nightly"} 1795741200
# HELP batchpost_run_updated_time_seconds When this was last written.
# TYPE batchpost_run_updated_time_seconds gauge
batchpost_run_updated_time_seconds{name="nightly"} 1795742400.5
# HELP batchpost_run_stopped Why the last run ended with rows left that could have been posted.
# TYPE batchpost_run_stopped gauge
batchpost_run_stopped{name="nightly",reason="credentials"} 0
batchpost_run_stopped{name="nightly",reason="endpoint"} 0
batchpost_run_stopped{name="nightly",reason="refused"} 0
batchpost_run_stopped{name="nightly",reason="ledger"} 0
batchpost_run_stopped{name="nightly",reason="input"} 0
batchpost_run_stopped{name="nightly",reason="outage"} 0
batchpost_run_stopped{name="nightly",reason="limited"} 0
batchpost_run_stopped{name="nightly",reason="interrupted"} 0
batchpost_run_stopped{name="nightly",reason="planned"} 0
"#
    );
}

#[test]
fn an_ended_run_has_its_code_its_stop_and_the_last_success() {
    let ended = Some(("2026-11-27T01:20:00Z".parse().unwrap(), 75));
    let text = Facts { ended, stopped: Some(Stop::Outage), last_success: Some(1.5e9), ..facts() }.text();
    for sample in [
        "batchpost_run_active{name=\"nightly\"} 0\n",
        "batchpost_run_end_time_seconds{name=\"nightly\"} 1795742400\n",
        "batchpost_run_exit_code{name=\"nightly\"} 75\n",
        "batchpost_run_stopped{name=\"nightly\",reason=\"outage\"} 1\n",
        "batchpost_run_stopped{name=\"nightly\",reason=\"limited\"} 0\n",
        "batchpost_last_success_time_seconds{name=\"nightly\"} 1500000000\n",
    ] {
        assert!(text.contains(sample), "{sample} is not in\n{text}");
    }
}
