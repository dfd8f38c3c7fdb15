//! One run's part in an account's budget: how it takes slots, gives them back, and takes turns with the others.

use std::time::Duration;

use super::account::{Account, Holder, Sharer, Wish};
use super::own::Own;
use super::pace::Pace;
use crate::budget::{Answer, Ended, Request, Throttle, Wait};
use crate::limit::Limit;
use crate::settings::Spread;

/// A run that shares a budget, or has one for itself.
#[derive(Debug)]
pub struct Member {
    run: Sharer,
    /// Slots of its attempts that have not ended. Counted here too, so that an account that has lost its state learns
    /// of them again.
    held: u32,
    pace: Option<Pace>,
    own: Option<Own>,
}

/// Others' slots come free at times that are known only when their attempts have ended: how soon to look again.
const SOONEST_LOOK: Duration = Duration::from_millis(50);
const LATEST_LOOK: Duration = Duration::from_millis(250);
/// How soon to look again where others hold nothing: one may leave whose limits were stricter.
const IDLE_LOOK: Duration = Duration::from_secs(1);

/// So long after it should be there, a waiting run is left its share; then it is passed over until it comes.
const GRACE: Duration = Duration::from_millis(100);

impl Member {
    /// A run that is `run` to others.
    ///
    /// The pace follows the limit with the shortest window: spreading a daily cap over the day would leave every
    /// night's run unfinished.
    pub fn new(run: Sharer, spread: Spread) -> Self {
        let shortest = shortest(&run.limits);
        let own = shortest.map(|limit| Own::new(limit.window(), run.timeout));
        Self { run, held: 0, pace: shortest.map(|limit| Pace::new(limit, spread)), own }
    }

    /// What it is to others.
    pub fn run(&self) -> &Sharer {
        &self.run
    }

    /// Joins the others before it wants anything.
    pub fn join(&mut self, account: &mut Account, now: Duration) {
        account.free(now);
        account.seat(&self.run, self.held, now);
        account.tidy();
    }

    /// Gives back what has ended, then takes up to as many slots as are wanted. All times are the account's.
    pub fn exchange(&mut self, account: &mut Account, request: &Request, now: Duration) -> Answer {
        account.free(now);
        account.seat(&self.run, self.held, now);
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
            None => Answer::default(),
        }
    }

    /// Leaves the others. Slots that it still holds count as of attempts that end now, without a reply.
    pub fn leave(&mut self, account: &mut Account, ended: &[(Ended, Duration)], now: Duration) {
        self.exchange(account, &Request { ended: ended.to_vec(), ..Request::default() }, now);
        account.unseat(self.run.id, now);
        account.tidy();
        self.held = 0;
    }

    fn hold_back(&mut self, account: &mut Account, throttle: Throttle, now: Duration) {
        // A run without limits has nothing to hold back by.
        let (Some(pace), Some(own)) = (&mut self.pace, &mut self.own) else { return };
        match throttle {
            Throttle::Evenly => pace.spread(Spread::Even, now),
            Throttle::Share(attempts) => {
                // Less than the limit goes at once when it is free: so it meets the strangers' peaks once in a window, not
                // all through it, and what a pause has kept back is used after it.
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

    fn take(&mut self, account: &mut Account, want: u32, now: Duration) -> Answer {
        let turn = account.turn;
        let me = account.seat(&self.run, self.held, now);
        if me.wish.is_none_or(|wish| wish.to < now) {
            // Who is new, was away, or did not come when its turn was there, has saved nothing up.
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
        let me = account.seat(&self.run, self.held, now);
        me.served += u64::from(granted);
        let served = me.served;
        if granted > 0 {
            account.turn = account.turn.max(served - 1);
        }
        if granted == want || paced.is_some() {
            return Answer { granted, wait: paced };
        }
        if granted == most {
            // What it does not allow itself it does not wait for at the others' door.
            let own = self.own.as_ref().and_then(|own| own.room(self.held).err());
            return Answer { granted, wait: own };
        }

        let told = account.room(now);
        let wait = match told {
            Ok(_) => Some(account.next_turn(self.run.id, now)),
            Err(until) => until,
        };
        let wait = match (wait, account.look_again(self.run.id)) {
            (Some(until), Some(look)) => Some(until.min(now + look)),
            (until, look) => until.or(look.map(|look| now + look)),
        };
        if let Some(until) = wait {
            // Where there is room, and it is left to others, this run stands at the door.
            let from = if told.is_ok() { now } else { until };
            account.seat(&self.run, self.held, now).wish =
                Some(Wish { count: want - granted, from, to: until + GRACE });
        }
        Answer { granted, wait: Some(wait.map_or(Wait::UntilOneEnds, Wait::Until)) }
    }
}

fn shortest(limits: &[Limit]) -> Option<Limit> {
    limits.iter().copied().min_by_key(|limit| limit.window())
}

impl Account {
    /// Max-min fairness: slot by slot, the room goes to whoever was served least of this run and those that should be
    /// here now.
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

    /// The others that wait and should be here now, or are about to come.
    fn due(&self, id: u64, now: Duration) -> impl Iterator<Item = (&Holder, Wish)> {
        let others = self.holders.iter().filter(move |holder| holder.run.id != id);
        let waiting = others.filter_map(|holder| holder.wish.map(|wish| (holder, wish)));
        // Slots of one burst come free within a moment; so do those who wait for them come.
        let soon = now + (self.shortest() / 50).min(GRACE);
        waiting.filter(move |(_, wish)| wish.from <= soon && now <= wish.to)
    }

    /// When a run may have more luck that leaves room to others now: they have come, or are passed over.
    fn next_turn(&self, id: u64, now: Duration) -> Duration {
        let passed_over = self.due(id, now).map(|(_, wish)| wish.to).min().unwrap_or(now);
        let later = passed_over + Duration::from_millis(1);
        self.next_free().filter(|free| *free > now).map_or(later, |free| free.min(later))
    }

    fn shortest(&self) -> Duration {
        self.windows.first().map(|window| window.length()).unwrap_or_default()
    }

    /// After how long to look whether others have given something back; none where there are no others.
    fn look_again(&self, id: u64) -> Option<Duration> {
        let others = || self.holders.iter().filter(|holder| holder.run.id != id);
        others().next()?;
        if others().all(|other| other.held == 0) {
            return Some(IDLE_LOOK);
        }
        Some((self.shortest() / 20).clamp(SOONEST_LOOK, LATEST_LOOK))
    }
}
