//! Charts of attempts and replies over time, and the bar of outcomes.

use batchpost::report::{Bucket, Ends, Overview};
use maud::{Markup, html};

use super::plot::{HIGH, Plot, Time, WIDE, hundredth, x, y};
use super::scale::{Linear, Logarithmic};
use super::table::Column::{Number, Text};
use super::table::{NOTHING, table};
use super::words::Shown;
use crate::words::{rounded, span, thousands};

/// Attempts by how they ended: the class in the stylesheet, the label, and the count.
type Series = (&'static str, &'static str, fn(&Ends) -> u64);

const SERIES: [Series; 5] = [
    ("posted", "created", |ends| ends.posted),
    ("again", "to be tried again", |ends| ends.again + ends.unsent),
    ("rejected", "refused", |ends| ends.rejected + ends.setup_fault),
    ("doubt", "no clear answer", |ends| ends.unknown + ends.cut_off),
    ("limited", "over the limit", |ends| ends.limited),
];

const QUANTILES: [(&str, &str, f64); 3] =
    [("p99", "99 of 100", 0.99), ("p90", "9 of 10", 0.9), ("p50", "half of them", 0.5)];

/// Minimum width of a shape, so that it is visible.
const NARROWEST: f64 = 1.5;

/// The colour spot beside a label.
pub(super) fn key(class: &str) -> Markup {
    html! { i.key.(class) {} }
}

/// Attempts per second by how they ended, against the limit, with the pauses behind them.
pub(super) fn rates(overview: &Overview) -> Markup {
    let time = Time::of(overview);
    let limits = limits(overview);
    let most = (0..time.buckets.len()).map(|n| time.rate(n, Ends::attempts)).fold(0.0, f64::max);
    let scale = Linear::to(limits.iter().map(|limit| limit.rate).fold(most, f64::max));
    let legend = html! {
        @for (class, words, which) in SERIES {
            @if which(&overview.ends) > 0 {
                li { (key(class)) (words) " " b { (thousands(which(&overview.ends))) } }
            }
        }
        @if !limits.is_empty() { li { (key("line")) "the limit" } }
        @if overview.pauses.count() > 0 { li { (key("pause")) "pauses" } }
    };
    let shapes = html! {
        @for pause in overview.pauses.kept() {
            @let width = (time.share_of(pause.lasted) * WIDE).max(NARROWEST);
            rect.pause x=(x(time.share(pause.from_us))) y="0" width=(hundredth(width)) height=(HIGH) {}
        }
        @for (class, bars) in bars(&time, &scale) { path.(class) d=(bars) {} }
        @for limit in &limits {
            @let (from, to) = (x(time.share(limit.from_us)), x(time.share(limit.to_us)));
            path.limit d={ "M" (from) " " (y(scale.height(limit.rate))) "H" (to) } {}
        }
    };
    let ticks = scale.ticks.iter().map(|tick| (scale.height(*tick), rounded(*tick, 2))).collect();
    Plot { time: &time, label: "Attempts per second over time", legend, ticks, shapes }.figure()
}

/// The bars of each series, stacked on those of the previous series.
fn bars(time: &Time<'_>, scale: &Linear) -> [(&'static str, String); SERIES.len()] {
    let mut tops = vec![0.0; time.buckets.len()];
    SERIES.map(|(class, _, which)| {
        let mut path = String::new();
        for (n, top) in tops.iter_mut().enumerate() {
            let rate = time.rate(n, which);
            if rate > 0.0 {
                let (from, to) = time.edges(n);
                let bottom = y(scale.height(*top));
                *top += rate;
                path += &format!("M{from} {bottom}V{}H{to}V{bottom}z", y(scale.height(*top)));
            }
        }
        (class, path)
    })
}

/// A rate that was allowed for some time.
struct AllowedRate {
    from_us: u64,
    to_us: u64,
    rate: f64,
}

/// The rates that the runs' limits allowed. Only limits whose windows fit into a bucket count.
fn limits(overview: &Overview) -> Vec<AllowedRate> {
    let mut allowed: Vec<AllowedRate> = Vec::new();
    let mut before = None;
    for run in overview.story.runs() {
        let fitting = run.limits.iter().filter(|limit| limit.window() <= overview.course.width());
        let rate = fitting.map(|limit| f64::from(limit.count()) / limit.window().as_secs_f64()).reduce(f64::min);
        if rate != before {
            if let (Some(last), Some(_)) = (allowed.last_mut(), before) {
                last.to_us = run.from_us;
            }
            allowed.extend(rate.map(|rate| AllowedRate { from_us: run.from_us, to_us: u64::MAX, rate }));
        }
        before = rate;
    }
    allowed
}

/// Reply times by quantiles.
pub(super) fn latencies(overview: &Overview) -> Markup {
    let time = Time::of(overview);
    let of = |share: f64| time.buckets.iter().filter_map(move |bucket| bucket.latencies.quantile(share));
    let (Some(least), Some(most)) = (of(0.5).min(), of(0.99).max()) else {
        return html! { p.empty { "No attempt has a reply yet." } };
    };
    let scale = Logarithmic::between(least, most);
    let legend = html! {
        @for (class, words, share) in QUANTILES {
            @let within = overview.latencies.quantile(share).map(span).unwrap_or_default();
            li { (key(class)) (words) " within " b { (within) } }
        }
        li { "the longest " b { (overview.latencies.longest().map(span).unwrap_or_default()) } }
    };
    let shapes = html! {
        @for (class, _, share) in QUANTILES { path.(class) d=(steps(&time, &scale, share)) {} }
    };
    let ticks = scale.ticks.iter().map(|tick| (scale.height(*tick), span(*tick))).collect();
    Plot { time: &time, label: "Time to reply, by quantiles, over time", legend, ticks, shapes }.figure()
}

/// A step line with a gap where no reply came.
fn steps(time: &Time<'_>, scale: &Logarithmic, share: f64) -> String {
    let mut path = String::new();
    let mut in_a_line = false;
    for (n, bucket) in time.buckets.iter().enumerate() {
        let took = bucket.latencies.quantile(share);
        if let Some(took) = took {
            let (from, to) = time.edges(n);
            let height = y(scale.height(took));
            path += &if in_a_line { format!("V{height}H{to}") } else { format!("M{from} {height}H{to}") };
        }
        in_a_line = took.is_some();
    }
    path
}

/// The figures from which both charts are drawn.
pub(super) fn figures(overview: &Overview) -> Markup {
    let time = Time::of(overview);
    let width = overview.course.width();
    let columns = [
        [Text("From"), Number("Attempts"), Number("per second"), Number("Created")].as_slice(),
        &[Number("Over the limit"), Number("Half within"), Number("99 of 100 within")],
    ];
    let quantile = |bucket: &Bucket, share| bucket.latencies.quantile(share).map_or_else(|| NOTHING.to_owned(), span);
    let rows = html! {
        @for (n, bucket) in (0u32..).zip(time.buckets).filter(|(_, bucket)| bucket.ends.attempts() > 0) {
            tr {
                td { (span(width.saturating_mul(n))) }
                td.n { (thousands(bucket.ends.attempts())) }
                td.n { (rounded(time.rate(n as usize, Ends::attempts), 2)) }
                td.n { (thousands(bucket.ends.posted)) }
                td.n { (thousands(bucket.ends.limited)) }
                td.n { (quantile(bucket, 0.5)) } td.n { (quantile(bucket, 0.99)) }
            }
        }
    };
    html! {
        details {
            summary { "The data of both charts" }
            div.scroll { (table("figures", &columns.concat(), &rows)) }
        }
    }
}

/// One bar of the outcomes' shares; empty if there are no rows.
pub(super) fn shares(label: &str, outcomes: &[(Shown, u64)]) -> Markup {
    const LEAST_SHARE: f64 = 0.004;
    let all: u64 = outcomes.iter().map(|(_, rows)| rows).sum();
    let share = |rows: u64| (rows as f64 / all as f64).max(LEAST_SHARE);
    let whole: f64 = outcomes.iter().map(|(_, rows)| share(*rows)).sum();
    let mut end = 0.0;
    let parts = outcomes.iter().map(|(shown, rows)| {
        let start = end;
        end += share(*rows) / whole;
        (shown.class, start, ((end - start) * WIDE - NARROWEST).max(NARROWEST))
    });
    html! {
        @if all > 0 {
            svg.shares viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label=(label) {
                @for (class, start, width) in parts {
                    rect.(class) x=(x(start)) y="0" width=(hundredth(width)) height="10" {}
                }
            }
        }
    }
}
