//! Charts: shapes in an SVG that is stretched to its place, and words beside it that are not, so that they can be read at
//! any width.

use std::time::Duration;

use batchpost::report::{Bucket, Ends, Overview};

use super::html::{Html, html, text};
use super::scale::{Linear, Logarithmic, moments};
use super::words;

/// The drawing's own units.
const WIDE: f64 = 1000.0;
const HIGH: f64 = 100.0;

/// Attempts by how they ended: class of the style, words, which.
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

/// Attempts per second, by how they ended, against the limit, with the pauses behind them.
pub(super) fn rates(page: &mut Html, overview: &Overview) {
    let time = Time::of(overview);
    let most = (0..time.buckets.len()).map(|n| time.rate(n, Ends::attempts)).fold(0.0, f64::max);
    let limits = limits(overview);
    let scale = Linear::to(limits.iter().map(|(.., rate)| *rate).fold(most, f64::max));

    html!(page, "<figure><figcaption><ul class=legend>");
    for (class, words, which) in SERIES.into_iter().filter(|(.., which)| which(&overview.ends) > 0) {
        html!(page, "<li><i class=\"key ", class, "\"></i>", words, " <b>");
        html!(page, text(crate::summary::thousands(which(&overview.ends))), "</b></li>");
    }
    if !limits.is_empty() {
        html!(page, "<li><i class=\"key line\"></i>the limit</li>");
    }
    if overview.pauses.count() > 0 {
        html!(page, "<li><i class=\"key pause\"></i>pauses</li>");
    }
    html!(page, "</ul></figcaption>");
    let ticks: Vec<(f64, String)> =
        scale.ticks.iter().map(|tick| (scale.height(*tick), words::rounded(*tick, 2))).collect();
    frame(page, &time, overview, &ticks, "Attempts per second over time", |page| {
        for pause in overview.pauses.kept() {
            let from = time.place(pause.from_us);
            let wide = (pause.lasted.as_micros() as f64 / time.length_us * WIDE).max(1.5);
            html!(page, "<rect class=pause x=", from * WIDE, " y=0 width=", wide, " height=", HIGH, " />");
        }
        let mut below = vec![0.0; time.buckets.len()];
        for (class, _, which) in SERIES {
            html!(page, "<path class=\"", class, "\" d=\"");
            for (n, below) in below.iter_mut().enumerate() {
                let rate = time.rate(n, which);
                if rate > 0.0 {
                    let (from, to) = time.edges(n);
                    let (y0, y1) = (scale.height(*below), scale.height(*below + rate));
                    *below += rate;
                    html!(page, "M", from, " ", HIGH * (1.0 - y0), "V", HIGH * (1.0 - y1), "H", to);
                    html!(page, "V", HIGH * (1.0 - y0), "z");
                }
            }
            html!(page, "\"/>");
        }
        for (from, to, rate) in &limits {
            html!(page, "<path class=limit d=\"M", time.place(*from) * WIDE, " ", HIGH * (1.0 - scale.height(*rate)));
            html!(page, "H", time.place(*to) * WIDE, "\"/>");
        }
    });
    html!(page, "</figure>");
}

/// How long answers took, by quantiles.
pub(super) fn latencies(page: &mut Html, overview: &Overview) {
    let time = Time::of(overview);
    let of = |share: f64| time.buckets.iter().filter_map(move |bucket| bucket.latencies.quantile(share));
    let (Some(least), Some(most)) = (of(0.5).min(), of(0.99).max()) else {
        html!(page, "<p class=empty>No attempt has been answered.</p>");
        return;
    };
    let scale = Logarithmic::between(least, most);
    html!(page, "<figure><figcaption><ul class=legend>");
    for (class, words, share) in QUANTILES {
        let over_all = overview.latencies.quantile(share).map(words::span).unwrap_or_default();
        html!(page, "<li><i class=\"key ", class, "\"></i>", words, " within <b>", text(over_all), "</b></li>");
    }
    let longest = overview.latencies.longest().map(words::span).unwrap_or_default();
    html!(page, "<li>the longest <b>", text(longest), "</b></li></ul></figcaption>");
    let ticks: Vec<(f64, String)> = scale.ticks.iter().map(|tick| (scale.height(*tick), words::span(*tick))).collect();
    frame(page, &time, overview, &ticks, "Time to answer, by quantiles, over time", |page| {
        for (class, _, share) in QUANTILES {
            html!(page, "<path class=\"", class, "\" d=\"");
            let mut drawn = false;
            for (n, bucket) in time.buckets.iter().enumerate() {
                let Some(took) = bucket.latencies.quantile(share) else {
                    drawn = false;
                    continue;
                };
                let (from, to) = time.edges(n);
                let y = HIGH * (1.0 - scale.height(took));
                if drawn {
                    html!(page, "V", y, "H", to);
                } else {
                    html!(page, "M", from, " ", y, "H", to);
                }
                drawn = true;
            }
            html!(page, "\"/>");
        }
    });
    html!(page, "</figure>");
}

/// The figures that the charts are drawn from.
pub(super) fn figures(page: &mut Html, overview: &Overview) {
    let time = Time::of(overview);
    html!(
        page,
        "<details><summary>The figures of both charts</summary><div class=scroll><table class=figures><thead><tr>"
    );
    html!(page, "<th>From</th><th class=n>Attempts</th><th class=n>per second</th><th class=n>Created</th>");
    html!(
        page,
        "<th class=n>Over the limit</th><th class=n>Half within</th><th class=n>99 of 100 within</th></tr></thead><tbody>"
    );
    let width = overview.course.width();
    for (n, bucket) in (0u32..).zip(time.buckets).filter(|(_, bucket)| bucket.ends.attempts() > 0) {
        let took = |share| bucket.latencies.quantile(share).map(words::span).unwrap_or_else(|| "–".to_owned());
        let number = crate::summary::thousands;
        html!(page, "<tr><td>", text(words::span(width.saturating_mul(n))), "</td>");
        for cell in [
            number(bucket.ends.attempts()),
            words::rounded(time.rate(n as usize, Ends::attempts), 2),
            number(bucket.ends.posted),
            number(bucket.ends.limited),
            took(0.5),
            took(0.99),
        ] {
            html!(page, "<td class=n>", text(cell), "</td>");
        }
        html!(page, "</tr>");
    }
    html!(page, "</tbody></table></div></details>");
}

/// One bar of shares, and nothing where there are none.
pub(super) fn shares<'a>(page: &mut Html, label: &str, parts: impl Iterator<Item = (&'static str, u64)> + Clone + 'a) {
    let all: u64 = parts.clone().map(|(_, count)| count).sum();
    if all == 0 {
        return;
    }
    html!(page, "<svg class=shares viewBox=\"0 0 1000 10\" preserveAspectRatio=none role=img aria-label=\"");
    html!(page, text(label), "\">");
    // What there is can be seen, however little.
    let parts: Vec<(&str, f64)> = parts
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| (class, (count as f64 / all as f64).max(0.004)))
        .collect();
    let whole: f64 = parts.iter().map(|(_, share)| share).sum();
    let mut from = 0.0;
    for (class, share) in parts {
        let wide = share / whole * WIDE;
        html!(
            page,
            "<rect class=\"",
            text(class),
            "\" x=",
            from,
            " y=0 width=",
            (wide - 1.5).max(1.5),
            " height=10 />"
        );
        from += wide;
    }
    html!(page, "</svg>");
}

/// The line of time as it is drawn.
struct Time<'a> {
    buckets: &'a [Bucket],
    width_us: f64,
    length_us: f64,
}

impl<'a> Time<'a> {
    fn of(overview: &'a Overview) -> Self {
        let width_us = (overview.course.width().as_micros() as f64).max(1.0);
        let length_us = (overview.course.length().as_micros() as f64).max(width_us);
        Self { buckets: overview.course.buckets(), width_us, length_us }
    }

    /// Where a moment stands, from 0 to 1.
    fn place(&self, at_us: u64) -> f64 {
        (at_us as f64 / self.length_us).clamp(0.0, 1.0)
    }

    /// Where a bucket begins and ends in the drawing.
    fn edges(&self, n: usize) -> (f64, f64) {
        let at = |n: usize| (n as f64 * self.width_us / self.length_us).min(1.0) * WIDE;
        (at(n), at(n + 1))
    }

    /// Attempts per second of a bucket, which the last one may not fill.
    fn rate(&self, n: usize, which: fn(&Ends) -> u64) -> f64 {
        which(&self.buckets[n].ends) as f64 * 1_000_000.0 / self.width_us
    }
}

/// From when to when what rate was allowed, by those limits of the runs whose windows fit into a bucket.
fn limits(overview: &Overview) -> Vec<(u64, u64, f64)> {
    let fits = |window: Duration| window <= overview.course.width();
    let runs = overview.story.runs().map(|run| {
        let rates = run.limits.iter().filter(|limit| fits(limit.window()));
        let rate = rates.map(|limit| f64::from(limit.count()) / limit.window().as_secs_f64()).reduce(f64::min);
        (run.from_us, rate)
    });
    let mut joined: Vec<(u64, u64, f64)> = Vec::new();
    let mut before = None;
    for (from, rate) in runs {
        if rate != before {
            // It held until another run had another one.
            joined.last_mut().filter(|_| before.is_some()).into_iter().for_each(|last| last.1 = from);
            joined.extend(rate.map(|rate| (from, u64::MAX, rate)));
        }
        before = rate;
    }
    joined
}

/// Axes, grid, the runs' beginnings, and between them what `shapes` draws. `ticks` are heights with their words.
fn frame(
    page: &mut Html,
    time: &Time<'_>,
    overview: &Overview,
    ticks: &[(f64, String)],
    label: &'static str,
    shapes: impl FnOnce(&mut Html),
) {
    html!(page, "<div class=plot><div class=y aria-hidden=true>");
    for (height, words) in ticks {
        html!(page, "<span style=\"bottom:", height * 100.0, "%\">", text(words), "</span>");
    }
    html!(
        page,
        "</div><div class=canvas><svg viewBox=\"0 0 1000 100\" preserveAspectRatio=none role=img aria-label=\""
    );
    html!(page, label, "\"><path class=grid d=\"");
    for (height, _) in ticks {
        html!(page, "M0 ", HIGH * (1.0 - height), "H1000");
    }
    html!(page, "\"/>");
    shapes(page);
    let runs: Vec<(f64, u32)> = overview.story.runs().map(|run| (time.place(run.from_us), run.run)).collect();
    if runs.len() > 1 {
        html!(page, "<path class=run d=\"");
        runs.iter().for_each(|(place, _)| html!(page, "M", place * WIDE, " 0V100"));
        html!(page, "\"/>");
    }
    html!(page, "</svg>");
    if runs.len() > 1 {
        html!(page, "<div class=runs aria-hidden=true>");
        let mut free = 0.0;
        for (place, run) in &runs {
            // No words upon words, not on a narrow screen either.
            if *place >= free && *place < 0.97 {
                let first = if free == 0.0 { "run " } else { "" };
                html!(page, "<span style=\"left:", place * 100.0, "%\">", first, text(run.to_string()), "</span>");
                free = place + if free == 0.0 { 0.13 } else { 0.06 };
            }
        }
        html!(page, "</div>");
    }
    html!(page, "</div><div class=x aria-hidden=true>");
    let moments = moments(Duration::from_micros(time.length_us as u64));
    for (n, moment) in moments.iter().enumerate() {
        let place = time.place(u64::try_from(moment.as_micros()).unwrap_or(u64::MAX));
        let class = if n == 0 {
            " class=first"
        } else if place > 0.93 {
            " class=last"
        } else {
            ""
        };
        html!(page, "<span", class, " style=\"left:", place * 100.0, "%\">", text(words::span(*moment)), "</span>");
    }
    html!(page, "</div></div>");
}
