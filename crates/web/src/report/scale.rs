//! Scales of axes.

use std::time::Duration;

/// A linear scale from zero, with round ticks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Linear {
    pub(super) top: f64,
    pub(super) ticks: Vec<f64>,
}

impl Linear {
    /// Creates a scale that contains `most`.
    pub(super) fn to(most: f64) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let rough = most / 4.0;
        let magnitude = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|step| step * magnitude).find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * magnitude);
        let count = (most / step).ceil().max(1.0);
        Self { top: count * step, ticks: (0..=count as u32).map(|n| f64::from(n) * step).collect() }
    }

    /// The height of `value`, from 0 to 1.
    pub(super) fn height(&self, value: f64) -> f64 {
        (value / self.top).clamp(0.0, 1.0)
    }
}

/// A logarithmic scale of durations.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Logarithmic {
    bottom: f64,
    top: f64,
    pub(super) ticks: Vec<Duration>,
}

impl Logarithmic {
    /// Creates a scale from one round number to another that contains both durations.
    pub(super) fn between(least: Duration, most: Duration) -> Self {
        let round: Vec<f64> =
            (-6..7).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power))).collect();
        let least = least.as_secs_f64().max(round[0]);
        let most = most.as_secs_f64().max(least);
        let from = round.iter().rposition(|tick| *tick <= least).unwrap_or(0);
        let to =
            round.iter().position(|tick| *tick >= most).unwrap_or(round.len() - 1).max(from + 1).min(round.len() - 1);
        let within = &round[from..=to];
        // Show all ticks if at most seven, otherwise only the powers of ten.
        let of_ten = |tick: &&f64| within.len() <= 7 || (tick.log10() - tick.log10().round()).abs() < 1e-9;
        let ticks = within.iter().filter(of_ten).map(|tick| Duration::from_secs_f64(*tick)).collect();
        Self { bottom: round[from], top: round[to], ticks }
    }

    /// The height of `value`, from 0 to 1.
    pub(super) fn height(&self, value: Duration) -> f64 {
        let value = value.as_secs_f64().clamp(self.bottom, self.top);
        (value / self.bottom).ln() / (self.top / self.bottom).ln()
    }
}

/// The usual steps of time axes: the seconds of a unit, and numbers of that unit.
const STEPS: [(u64, &[u64]); 4] = [
    (1, &[1, 2, 5, 10, 15, 30]),
    (60, &[1, 2, 5, 10, 15, 30]),
    (3600, &[1, 2, 3, 6, 12]),
    (86_400, &[1, 2, 7, 30, 90, 365]),
];

/// Returns at most six round moments from zero to `length`.
pub(super) fn moments(length: Duration) -> Vec<Duration> {
    let seconds = length.as_secs();
    let mut steps = STEPS.into_iter().flat_map(|(unit, counts)| counts.iter().map(move |count| unit * count));
    let step = steps.find(|step| seconds / step <= 5).unwrap_or((seconds / 5).max(1));
    (0..=seconds / step).map(|n| Duration::from_secs(n * step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_contain_the_most() {
        assert_eq!(Linear::to(5.0), Linear { top: 6.0, ticks: vec![0.0, 2.0, 4.0, 6.0] });
        assert_eq!(Linear::to(0.9).top, 1.0);
        for most in [0.0, f64::NAN, 1e-9, 0.3, 7.0, 25.0, 99.9, 1e12] {
            let scale = Linear::to(most);
            assert!(scale.top >= most || most.is_nan(), "{most}: {scale:?}");
            assert!((2..=6).contains(&scale.ticks.len()), "{most}: {scale:?}");
            assert!(scale.height(most).is_finite() || most.is_nan());
        }
    }

    #[test]
    fn heights_go_from_zero_to_one() {
        let scale = Linear::to(6.0);
        assert_eq!([0.0, 3.0, 6.0, 60.0].map(|value| scale.height(value)), [0.0, 0.5, 1.0, 1.0]);
        let ms = Duration::from_millis;
        let scale = Logarithmic::between(ms(10), ms(1000));
        assert_eq!((scale.height(ms(10)), scale.height(ms(1000)), scale.height(ms(1))), (0.0, 1.0, 0.0));
        assert!((scale.height(ms(100)) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn ticks_of_magnitudes_are_few_and_contain_all_values() {
        let ms = Duration::from_millis;
        assert_eq!(Logarithmic::between(ms(23), ms(410)).ticks, [ms(20), ms(50), ms(100), ms(200), ms(500)]);
        assert_eq!(Logarithmic::between(ms(3), ms(30_000)).ticks, [ms(10), ms(100), ms(1000), ms(10_000)]);
        for (least, most) in [(0, 0), (7, 7), (10, 10), (86_400_000, 86_400_000)] {
            let scale = Logarithmic::between(ms(least), ms(most));
            assert!((2..=7).contains(&scale.ticks.len()), "{least} {most}: {scale:?}");
            assert!(scale.height(ms(most)).is_finite(), "{least} {most}: {scale:?}");
        }
        assert!(Logarithmic::between(Duration::ZERO, Duration::MAX).height(Duration::MAX) <= 1.0);
    }

    #[test]
    fn moments_are_round_and_at_most_six() {
        let s = Duration::from_secs;
        assert_eq!(moments(s(95)), [0, 30, 60, 90].map(s));
        assert_eq!(moments(Duration::ZERO), [s(0)]);
        for seconds in [1, 7, 59, 3599, 86_400, 90_000_000, u64::MAX / 1_000_000] {
            let moments = moments(s(seconds));
            assert!((1..=6).contains(&moments.len()) && *moments.last().unwrap() <= s(seconds), "{seconds}");
        }
    }
}
