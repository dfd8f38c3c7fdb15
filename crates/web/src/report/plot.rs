//! The frame of a chart over time. The shapes are in an SVG that is stretched to fit; the words are outside
//! it and are not stretched, so that they are readable at any width.

use std::time::Duration;

use batchpost::report::{Bucket, Ends, Overview};
use maud::{Markup, html};

use super::scale::moments;
use crate::words::span;

/// The size of the SVG's view box, in its own units.
pub(super) const WIDE: f64 = 1000.0;
pub(super) const HIGH: f64 = 100.0;

/// The x coordinate of a share of the width, from 0 to 1.
pub(super) fn x(share: f64) -> f64 {
    hundredth(share * WIDE)
}

/// The y coordinate of a share of the height, from 0 at the bottom to 1 at the top.
pub(super) fn y(share: f64) -> f64 {
    hundredth((1.0 - share) * HIGH)
}

/// Rounds to hundredths, because finer differences are invisible.
pub(super) fn hundredth(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn percent(share: f64) -> String {
    format!("{}%", hundredth(share * 100.0))
}

/// The time axis: the runs one after the other, without the time between them.
pub(super) struct Time<'a> {
    pub(super) buckets: &'a [Bucket],
    width_us: f64,
    length_us: f64,
    /// The start of each run, from 0 to 1, and its number.
    runs: Vec<(f64, u32)>,
}

impl<'a> Time<'a> {
    pub(super) fn of(overview: &'a Overview) -> Self {
        let width_us = (overview.course.width().as_micros() as f64).max(1.0);
        let length_us = (overview.course.length().as_micros() as f64).max(width_us);
        let mut time = Self { buckets: overview.course.buckets(), width_us, length_us, runs: Vec::new() };
        time.runs = overview.story.runs().map(|run| (time.share(run.from_us), run.run)).collect();
        time
    }

    /// The position of a moment, from 0 to 1.
    pub(super) fn share(&self, at_us: u64) -> f64 {
        self.share_of(Duration::from_micros(at_us)).min(1.0)
    }

    /// The share of the axis that a duration takes.
    pub(super) fn share_of(&self, duration: Duration) -> f64 {
        duration.as_micros() as f64 / self.length_us
    }

    /// The x coordinates of a bucket's start and end.
    pub(super) fn edges(&self, bucket: usize) -> (f64, f64) {
        let edge = |n: usize| x((n as f64 * self.width_us / self.length_us).min(1.0));
        (edge(bucket), edge(bucket + 1))
    }

    /// Attempts per second in a bucket. The last bucket may be cut short; its rate is still over the whole
    /// width.
    pub(super) fn rate(&self, bucket: usize, which: fn(&Ends) -> u64) -> f64 {
        which(&self.buckets[bucket].ends) as f64 * 1_000_000.0 / self.width_us
    }
}

/// A chart with its labels.
pub(super) struct Plot<'a> {
    pub(super) time: &'a Time<'a>,
    pub(super) label: &'static str,
    /// List items.
    pub(super) legend: Markup,
    /// Heights from 0 to 1, with their labels.
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) shapes: Markup,
}

impl Plot<'_> {
    pub(super) fn figure(self) -> Markup {
        let grid: String = self.ticks.iter().map(|(height, _)| format!("M0 {}H1000", y(*height))).collect();
        let runs = if self.time.runs.len() > 1 { self.time.runs.as_slice() } else { &[] };
        let starts: String = runs.iter().map(|(share, _)| format!("M{} 0V100", x(*share))).collect();
        html! {
            figure {
                figcaption { ul.legend { (self.legend) } }
                div.plot {
                    div.y aria-hidden="true" {
                        @for (height, words) in &self.ticks { span style={ "bottom:" (percent(*height)) } { (words) } }
                    }
                    div.canvas {
                        // Shapes need an end tag: without one, the next shape would be nested inside and not
                        // drawn.
                        svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label=(self.label) {
                            path.grid d=(grid) {}
                            (self.shapes)
                            @if !runs.is_empty() { path.run d=(starts) {} }
                        }
                        @if !runs.is_empty() { (run_numbers(runs)) }
                    }
                    (time_axis(self.time))
                }
            }
        }
    }
}

/// The numbers of those runs whose labels do not overlap on a narrow screen.
fn run_numbers(runs: &[(f64, u32)]) -> Markup {
    let mut free = 0.0;
    let fitting = runs.iter().filter(|(share, _)| {
        let fits = *share >= free && *share < 0.97;
        if fits {
            // The first label is longer: it has the word "run" before its number.
            free = share + if free == 0.0 { 0.13 } else { 0.06 };
        }
        fits
    });
    html! {
        div.runs aria-hidden="true" {
            @for (n, (share, run)) in fitting.enumerate() {
                span style={ "left:" (percent(*share)) } { @if n == 0 { "run " } (run) }
            }
        }
    }
}

fn time_axis(time: &Time<'_>) -> Markup {
    html! {
        div.x aria-hidden="true" {
            @for (n, moment) in moments(Duration::from_micros(time.length_us as u64)).into_iter().enumerate() {
                @let share = time.share_of(moment).min(1.0);
                @let class = if n == 0 { Some("first") } else if share > 0.93 { Some("last") } else { None };
                span class=[class] style={ "left:" (percent(share)) } { (span(moment)) }
            }
        }
    }
}
