//! One run's part in an account's budget: it takes slots, gives them back, and takes turns with other runs.

use std::time::Duration;

use super::account::{Account, Holder, Sharer, Wish};
use super::own::Own;
use super::pace::Pace;
use crate::budget::{Ended, Grant, Request, Throttle, Wait};
use crate::limit::Limit;
use crate::settings::Spread;

/// A run with a shared budget or its own.
#[derive(Debug)]
pub struct Member {
    run: Sharer,
    /// The slots of its attempts in flight. Counted here too, to restore them in an account whose state was
    /// lost.
    held: u32,
    pace: Option<Pace>,
    own: Option<Own>,
}

/// The minimum and maximum delay before asking again: when other runs' slots are freed is known only once
/// their attempts have ended.
const MIN_CHECK: Duration = Duration::from_millis(50);
const MAX_CHECK: Duration = Duration::from_millis(250);
/// The delay if other runs have no slots in flight: a run with stricter limits may leave.
const IDLE_CHECK: Duration = Duration::from_secs(1);

/// How long others leave a waiting run its share after it was due; then it is passed over until it asks.
const GRACE: Duration = Duration::from_millis(100);

impl Member {
    /// Creates a member that others see as `run`.
    ///
    /// The pace follows the limit with the shortest window: if a daily cap were spread over the day, no
    /// nightly run would finish.
    pub fn new(run: Sharer, spread: Spread) -> Self {
        let shortest = shortest(&run.limits);
        let own = shortest.map(|limit| Own::new(limit.window(), run.timeout));
        Self { run, held: 0, pace: shortest.map(|limit| Pace::new(limit, spread)), own }
    }

    /// How other runs see this one.
    pub fn run(&self) -> &Sharer {
        &self.run
    }

    /// Joins the account before requesting slots.
    pub fn join(&mut self, account: &mut Account, now: Duration) {
        account.free(now);
        account.add_holder(&self.run, self.held, now);
        account.tidy();
    }

    /// Gives back the slots of ended attempts, then takes up to the wanted number. All times are on the
    /// account's clock.
    pub fn exchange(&mut self, account: &mut Account, request: &Request, now: Duration) -> Grant {
        account.free(now);
        account.add_holder(&self.run, self.held, now);
        for (ended, at) in &request.ended {
            account.give_back(self.run.id, *ended, *at, now);
            self.held -= 1;
            let at = (*at).min(now);
            match (&mut self.own, ended) {
                (Some(own), Ended::Answered) => own.ended(at),
                (Some(own), Ended::Silent) => own.ended(at + self.run.timeout),
                (None, _) | (_, Ended::NotSent) => {}
            }
        }
        if let Some(own) = &mut self.own {
            own.free(now);
        }
        for throttle in &request.throttles {
            self.hold_back(account, *throttle, now);
        }
        match request.want {
            Some(want) => self.take(account, want, now),
            None => Grant::default(),
        }
    }

    /// Leaves the account. Remaining slots count as attempts that ended now, without a reply.
    pub fn leave(&mut self, account: &mut Account, ended: &[(Ended, Duration)], now: Duration) {
        self.exchange(account, &Request { ended: ended.to_vec(), ..Request::default() }, now);
        account.remove_holder(self.run.id, now);
        account.tidy();
        self.held = 0;
    }

    fn hold_back(&mut self, account: &mut Account, throttle: Throttle, now: Duration) {
        // A run without limits cannot be throttled.
        let (Some(pace), Some(own)) = (&mut self.pace, &mut self.own) else { return };
        match throttle {
            Throttle::Evenly => pace.spread(Spread::Even, now),
            Throttle::Share(attempts) => {
                // A share below the limit is used at once when it is free. So it collides with other clients
                // once per window instead of all the time, and what a pause delayed is sent after it.
                let smaller = attempts < pace.limit().count();
                pace.spread(if smaller { Spread::Burst } else { Spread::Even }, now);
                own.take_share(attempts);
            }
            Throttle::Learn(limit) => {
                limit.tighten(&mut self.run.limits);
                account.learn(self.run.id, &self.run.limits, now);
                if let Some(limit) = shortest(&self.run.limits) {
                    pace.keep(limit, now);
                    own.keep(limit.window());
                }
            }
        }
    }

    fn take(&mut self, account: &mut Account, want: u32, now: Duration) -> Grant {
        let turn = account.turn;
        let me = account.add_holder(&self.run, self.held, now);
        if me.wish.is_none_or(|wish| wish.to < now) {
            // A run that is new, was away or missed its turn gets no credit for that time.
            me.served = me.served.max(turn);
        }
        me.wish = None;
        let own = self.own.as_ref().map_or(Ok(u32::MAX), |own| own.room(self.held));
        let most = want.min(own.unwrap_or(0));
        let share = account.room(now).map_or(0, |room| account.share_of(self.run.id, most, room, now));
        let mut granted = 0;
        let mut paced = None;
        while granted < share && paced.is_none() {
            match self.pace.as_mut().map_or(Ok(()), |pace| pace.take(now)) {
                Ok(()) => granted += 1,
                Err(wait) => paced = Some(wait),
            }
        }
        self.held += granted;
        let me = account.add_holder(&self.run, self.held, now);
        me.served += u64::from(granted);
        let served = me.served;
        if granted > 0 {
            account.turn = account.turn.max(served - 1);
        }
        if granted == want || paced.is_some() {
            return Grant { granted, wait: paced };
        }
        if granted == most {
            // It does not queue in the account for slots that its own share forbids.
            let own = self.own.as_ref().and_then(|own| own.room(self.held).err());
            return Grant { granted, wait: own };
        }

        let told = account.room(now);
        let wait = match told {
            Ok(_) => Some(account.next_turn(self.run.id, now)),
            Err(until) => until,
        };
        let wait = match (wait, account.check_after(self.run.id)) {
            (Some(until), Some(check)) => Some(until.min(now + check)),
            (until, check) => until.or(check.map(|check| now + check)),
        };
        if let Some(until) = wait {
            // If there is room but it is left to others, this run is due now.
            let from = if told.is_ok() { now } else { until };
            account.add_holder(&self.run, self.held, now).wish =
                Some(Wish { count: want - granted, from, to: until + GRACE });
        }
        Grant { granted, wait: Some(wait.map_or(Wait::UntilOneEnds, Wait::Until)) }
    }
}

fn shortest(limits: &[Limit]) -> Option<Limit> {
    limits.iter().copied().min_by_key(|limit| limit.window())
}

impl Account {
    /// Max-min fairness: each free slot goes to the run with the fewest slots served, among this run and
    /// those that are due.
    fn share_of(&self, id: u64, want: u32, room: u32, now: Duration) -> u32 {
        let mut rivals: Vec<(u64, u32)> = self.due(id, now).map(|(holder, wish)| (holder.served, wish.count)).collect();
        if rivals.is_empty() {
            return want.min(room);
        }
        let mut served = self.holders.iter().find(|holder| holder.run.id == id).map_or(0, |holder| holder.served);
        let mut share = 0;
        for _ in 0..room {
            if share == want {
                break;
            }
            match rivals.iter_mut().filter(|(_, wants)| *wants > 0).min_by_key(|(served, _)| *served) {
                Some((theirs, wants)) if *theirs < served => {
                    *theirs += 1;
                    *wants -= 1;
                }
                _ => {
                    served += 1;
                    share += 1;
                }
            }
        }
        share
    }

    /// The other waiting runs that are due now or soon.
    fn due(&self, id: u64, now: Duration) -> impl Iterator<Item = (&Holder, Wish)> {
        let others = self.holders.iter().filter(move |holder| holder.run.id != id);
        let waiting = others.filter_map(|holder| holder.wish.map(|wish| (holder, wish)));
        // Slots of one burst are freed almost together, so the runs that wait for them ask almost together.
        let soon = now + (self.shortest() / 50).min(GRACE);
        waiting.filter(move |(_, wish)| wish.from <= soon && now <= wish.to)
    }

    /// When a run that leaves room to others may get more: they have taken it or are passed over.
    fn next_turn(&self, id: u64, now: Duration) -> Duration {
        let passed_over = self.due(id, now).map(|(_, wish)| wish.to).min().unwrap_or(now);
        let later = passed_over + Duration::from_millis(1);
        self.next_free().filter(|free| *free > now).map_or(later, |free| free.min(later))
    }

    fn shortest(&self) -> Duration {
        self.windows.first().map(|window| window.length()).unwrap_or_default()
    }

    /// The delay before checking whether other runs have given slots back. `None` if there are no other runs.
    fn check_after(&self, id: u64) -> Option<Duration> {
        let others = || self.holders.iter().filter(|holder| holder.run.id != id);
        others().next()?;
        if others().all(|other| other.held == 0) {
            return Some(IDLE_CHECK);
        }
        Some((self.shortest() / 20).clamp(MIN_CHECK, MAX_CHECK))
    }
}
