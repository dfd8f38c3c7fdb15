//! Runs of one account that start and end between power losses: what the account stores while there is no
//! run.

use super::together::stamp;
use super::*;

/// The possible limits of a run. The timeouts are many windows long.
const LIMITS: [&[&str]; 5] = [&["3/1s"], &["5/1s"], &["2/1500ms", "4/5s"], &["4/5s"], &["4/5s", "9/70s"]];
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A run joins, with the limits of this index and a timeout in seconds.
    Join(usize, u64),
    Take(u32),
    /// The run's attempt that ends, and whether it has no reply.
    End(usize, bool),
    Leave,
    Kill,
    /// A power loss: the wall clock jumps by this many seconds. The remaining state is the last durable one,
    /// or the last written one.
    Restart(i64, bool),
    Damage,
}

fn step() -> impl Strategy<Value = (usize, u64, u64, Step)> {
    let limits = prop_oneof![4 => Just(1), 1 => 0..LIMITS.len()];
    let what = prop_oneof![
        6 => (limits, prop_oneof![Just(30u64), 1..30u64]).prop_map(|(limits, timeout)| Step::Join(limits, timeout)),
        6 => (1u32..9).prop_map(Step::Take),
        3 => (any::<usize>(), prop::bool::weighted(0.3)).prop_map(|(which, silent)| Step::End(which, silent)),
        4 => Just(Step::Leave),
        2 => Just(Step::Kill),
        4 => (prop_oneof![2 => Just(0i64), 1 => -90_000i64..0, 1 => 0..90_000i64], any::<bool>())
            .prop_map(|(by, kept)| Step::Restart(by, kept)),
        1 => Just(Step::Damage),
    ];
    let idle = prop_oneof![4 => 0..300u64, 2 => 0..3000u64, 1 => 0..40_000u64];
    let counted = prop_oneof![2 => Just(1000u64), 1 => 0..=1000u64];
    (prop::bool::weighted(0.15).prop_map(usize::from), idle, counted, what)
}

/// An attempt: the limits of its run, when it was sent, and when the server counts it.
#[derive(Debug, Clone, Copy)]
struct Counted {
    limits: usize,
    sent: Duration,
    at: Duration,
}

struct Run {
    member: Member,
    limits: usize,
    timeout: Duration,
    /// When each was sent, and when it is counted between then and the last possible moment, in thousandths.
    flying: Vec<(Duration, u64)>,
}

/// The runtime's handling of an account, and the requests that a server counts.
#[derive(Default)]
struct World {
    line: Option<String>,
    durable: Option<String>,
    boots: u32,
    booted: Duration,
    wall_ms: i64,
    set_forward: bool,
    now: Duration,
    ids: u64,
    runs: [Option<Run>; 2],
    counted: Vec<Counted>,
}

impl World {
    fn here(&self) -> Duration {
        self.now - self.booted
    }

    fn change(&mut self, which: usize, synced: bool, change: impl FnOnce(&mut Run, &mut Account, Duration)) {
        let at = self.here();
        let stamp = stamp(&self.boots.to_string(), at, self.now.as_millis() as i64 + self.wall_ms);
        let alive: Vec<u64> = self.runs.iter().flatten().map(|run| run.member.run().id).collect();
        let Some(run) = &mut self.runs[which] else { return };
        let mut account = match &self.line {
            Some(line) => {
                Account::read(line.as_bytes(), &stamp).unwrap_or_else(|_| Account::unknown(at + LONGEST_TIMEOUT))
            }
            None => Account::default(),
        };
        account.find_dead(|run| alive.contains(&run.id), at);
        change(run, &mut account, at);
        self.line = Some(account.to_line(&stamp));
        if synced || account.outlasts_a_restart() {
            self.durable.clone_from(&self.line);
        }
    }

    /// Kills the run. Its attempts in flight may be counted for a timeout longer.
    fn cut_off(&mut self, which: usize) {
        let Some(run) = self.runs[which].take() else { return };
        for (sent, late) in run.flying {
            self.count(run.limits, sent, self.now + run.timeout, late);
        }
    }

    fn count(&mut self, limits: usize, sent: Duration, last: Duration, late: u64) {
        let at = sent + (last - sent).mul_f64(late as f64 / 1000.0);
        self.counted.push(Counted { limits, sent, at });
    }

    fn time_out(&mut self, which: usize) {
        let Some(run) = &mut self.runs[which] else { return };
        let (timeout, limits) = (run.timeout, run.limits);
        let (over, flying) = run.flying.iter().partition(|(sent, _)| *sent + timeout <= self.now);
        run.flying = flying;
        let over: Vec<(Duration, u64)> = over;
        let ended = over.iter().map(|(sent, _)| (Ended::Silent, (*sent + timeout).saturating_sub(self.booted)));
        let back = Request { ended: ended.collect(), ..Request::default() };
        if !over.is_empty() {
            self.change(which, false, |run, account, now| {
                run.member.exchange(account, &back, now);
            });
        }
        for (sent, late) in over {
            self.count(limits, sent, sent + timeout + timeout, late);
        }
    }

    fn take_step(&mut self, which: usize, late: u64, step: Step) {
        match step {
            Step::Join(limits, timeout) if self.runs[which].is_none() => {
                self.ids += 1;
                let timeout = Duration::from_secs(timeout);
                let sharer = Sharer { id: self.ids, ..Sharer::new(super::limits(LIMITS[limits]), timeout) };
                let member = Member::new(sharer, Spread::Burst);
                self.runs[which] = Some(Run { member, limits, timeout, flying: Vec::new() });
                self.change(which, true, |run, account, now| run.member.join(account, now));
            }
            Step::Join(..) => {}
            Step::Take(want) => {
                let request = Request { want: Some(want), ..Request::default() };
                let now = self.now;
                self.change(which, false, |run, account, at| {
                    let granted = run.member.exchange(account, &request, at).granted;
                    run.flying.extend((0..granted).map(|_| (now, late)));
                });
            }
            Step::End(of, silent) => {
                let Some(run) = self.runs[which].as_mut().filter(|run| !run.flying.is_empty()) else { return };
                let (sent, late) = run.flying.remove(of % run.flying.len());
                let (limits, timeout) = (run.limits, run.timeout);
                let (how, last) =
                    if silent { (Ended::Silent, self.now + timeout) } else { (Ended::Answered, self.now) };
                self.count(limits, sent, last, late);
                let back = Request { ended: vec![(how, self.here())], ..Request::default() };
                self.change(which, false, |run, account, now| {
                    run.member.exchange(account, &back, now);
                });
            }
            Step::Leave => {
                self.change(which, true, |run, account, now| run.member.leave(account, &[], now));
                self.cut_off(which);
            }
            Step::Kill => self.cut_off(which),
            Step::Restart(by, kept) => {
                (0..2).for_each(|which| self.cut_off(which));
                self.boots += 1;
                self.booted = self.now.saturating_sub(ms(5000));
                self.wall_ms += by * 1000;
                self.set_forward |= by > 0;
                if !kept {
                    self.line.clone_from(&self.durable);
                }
            }
            Step::Damage => self.line = self.line.as_ref().map(|line| line[..line.len() / 2].to_owned()),
        }
    }

    /// The maximum in a window of `limit` whose last sent attempt is from a run with that limit.
    fn most_within(&self, limit: Limit) -> usize {
        let has = |counted: &Counted| super::limits(LIMITS[counted.limits]).contains(&limit);
        let most = |last: &Counted| {
            let before = self.counted.iter().filter(|other| other.sent <= last.sent).map(|other| other.at);
            let near: Vec<Duration> = before.filter(|at| at.abs_diff(last.at) <= limit.window()).collect();
            let from =
                |start: Duration| near.iter().filter(|at| (start..=start + limit.window()).contains(*at)).count();
            near.iter().filter(|start| **start <= last.at).map(|start| from(*start)).max().unwrap_or(0)
        };
        self.counted.iter().filter(|counted| has(counted)).map(most).max().unwrap_or(0)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_server_ever_counts_more_than_the_limit_of_runs_that_come_and_go_between_losses_of_power(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::default();
        for (which, idle, late, step) in steps {
            world.now += ms(idle);
            (0..2).for_each(|which| world.time_out(which));
            world.take_step(which, late, step);
        }
        world.now += LONGEST_TIMEOUT;
        (0..2).for_each(|which| world.time_out(which));
        for limit in LIMITS.iter().flat_map(|of| limits(of)) {
            // The times of a long window are converted by the wall clock.
            if limit.window() < ms(60_000) || !world.set_forward {
                let most = world.most_within(limit);
                prop_assert!(most <= limit.count() as usize, "{most} in {limit}: {:?}", world.counted);
            }
        }
    }
}
