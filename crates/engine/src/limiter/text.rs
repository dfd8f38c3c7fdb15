//! The stored form of an account's state: a checksum and one line of JSON.
//!
//! Times are nanoseconds on the clock that the line names: since the boot with that id, or, on systems
//! without such a clock, on the wall clock. Each time in a window is stored as the difference from the
//! previous one.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::{Account, Holder, Sharer, Shift, Wish};
use super::past::Past;
use super::window::Window;
use crate::limit::Limit;

/// A moment on an account's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The boot's id, or empty for the wall clock.
    pub boot: String,
    /// The time on that clock.
    pub at: Duration,
    /// The wall clock at that time.
    pub wall: Timestamp,
}

/// The bytes are not a valid state of an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// Incomplete, or changed since they were written.
    #[error("{0}")]
    Damaged(&'static str),
    /// Of a newer format version.
    #[error("it has format {0}, written by a newer version of this program; use that version")]
    Newer(u32),
}

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    boot: String,
    at: u64,
    wall: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unknown_to: Option<u64>,
    /// Read by earlier versions when the clock changed; this version does not need it.
    #[serde(default)]
    longest_timeout: u64,
    turn: u64,
    windows: Vec<StoredWindow>,
    past: Vec<(u64, u64)>,
    holders: Vec<StoredHolder>,
}

#[derive(Serialize, Deserialize)]
struct StoredWindow {
    length: u64,
    freeing: Vec<(u64, u32)>,
}

/// The wish is dropped when the clock changes. Nothing relies on it: the run repeats a lost wish.
#[derive(Serialize, Deserialize)]
struct StoredHolder {
    id: u64,
    pid: u32,
    name: String,
    since: Timestamp,
    limits: Vec<Limit>,
    timeout: u64,
    held: u32,
    served: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wish: Option<(u32, u64, u64)>,
    /// `None` in states from before this field existed: the run was last seen, at the latest, when the state
    /// was written.
    #[serde(default)]
    seen: Option<u64>,
}

impl Account {
    /// The stored form of the state at `stamp`.
    pub fn to_line(&self, stamp: &Stamp) -> String {
        let stored = Stored {
            version: VERSION,
            boot: stamp.boot.clone(),
            at: ns(stamp.at),
            wall: stamp.wall,
            unknown_to: self.unknown_to.map(ns),
            longest_timeout: ns(self.longest_count(stamp.at)),
            turn: self.turn,
            windows: self.windows.iter().map(StoredWindow::of).collect(),
            past: self.past.times().iter().map(|(time, count)| (ns(*time), *count)).collect(),
            holders: self.holders.iter().map(StoredHolder::of).collect(),
        };
        let json = serde_json::to_string(&stored).expect("numbers and strings are written as JSON");
        format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()))
    }

    /// Parses a stored state and converts it to the clock of `now`.
    ///
    /// From another boot's clock, the times of long windows are converted by the wall clock. For short
    /// windows, the time that was left when they were last written is waited for again, which relies on no
    /// clock. If runs were active when that boot ended and their writes were not durable, anything may have
    /// been sent until now.
    ///
    /// # Errors
    ///
    /// If the bytes differ from what was written, or are of a newer version.
    pub fn read(line: &[u8], now: &Stamp) -> Result<Self, Unreadable> {
        let (stored, mut account) = parse(line)?;
        let another = stored.boot != now.boot;
        if another {
            // How far the new clock is ahead of the old one, at the same wall clock time.
            let wall_passed = now.wall.as_nanosecond() - stored.wall.as_nanosecond();
            let short_ns = i128::from(ns(now.at)) - i128::from(stored.at);
            let shift = Shift { long_ns: short_ns - wall_passed, short_ns };
            let lost = !account.holders.is_empty() && !account.outlasts_a_restart();
            account.on_clock(shift, Duration::from_nanos(stored.at), now.at);
            if lost {
                account.unknown_to = account.unknown_to.max(Some(now.at + account.longest_flight()));
            }
        } else if stored.at > ns(now.at) {
            account.on_clock(Shift { long_ns: 0, short_ns: 0 }, Duration::from_nanos(stored.at), now.at);
        }
        Ok(account)
    }
}

fn parse(line: &[u8]) -> Result<(Stored, Account), Unreadable> {
    let damaged = Unreadable::Damaged;
    let line = std::str::from_utf8(line).map_err(|_| damaged("it is not text"))?;
    let line = line.strip_suffix('\n').ok_or(damaged("its end is missing"))?;
    let (crc, json) = line.split_once(' ').ok_or(damaged("it has no checksum"))?;
    if crc != format!("{:08x}", crc32fast::hash(json.as_bytes())) {
        return Err(damaged("its checksum does not match"));
    }
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } = serde_json::from_str(json).map_err(|_| damaged("it is not in the expected format"))?;
    if version > VERSION {
        return Err(Unreadable::Newer(version));
    }
    let stored: Stored = serde_json::from_str(json).map_err(|_| damaged("it is not in the expected format"))?;
    let account = Account {
        windows: stored.windows.iter().map(StoredWindow::window).collect(),
        past: Past::of(stored.past.iter().map(|(time, count)| (Duration::from_nanos(*time), *count)).collect()),
        unknown_to: stored.unknown_to.map(Duration::from_nanos),
        turn: stored.turn,
        holders: stored.holders.iter().map(|holder| holder.holder(stored.at)).collect(),
    };
    let in_order = account.windows.windows(2).all(|pair| pair[0].length() < pair[1].length());
    let has_window = |limit: &Limit| account.windows.iter().any(|window| window.length() == limit.window());
    let ids: BTreeSet<u64> = account.sharers().map(|run| run.id).collect();
    let each_once = ids.len() == account.holders.len();
    if !in_order || !each_once || !account.sharers().flat_map(|run| &run.limits).all(has_window) {
        return Err(damaged("it is inconsistent"));
    }
    Ok((stored, account))
}

impl StoredWindow {
    fn of(window: &Window) -> Self {
        let mut before = 0;
        let freeing = window.freeing().map(|(free, count)| {
            let distance = ns(free) - before;
            before = ns(free);
            (distance, count)
        });
        Self { length: ns(window.length()), freeing: freeing.collect() }
    }

    fn window(&self) -> Window {
        let mut window = Window::new(Duration::from_nanos(self.length));
        let mut free = 0u64;
        for (distance, count) in &self.freeing {
            free = free.saturating_add(*distance);
            window.keep(Duration::from_nanos(free), *count);
        }
        window
    }
}

impl StoredHolder {
    fn of(holder: &Holder) -> Self {
        Self {
            id: holder.run.id,
            pid: holder.run.pid,
            name: holder.run.name.clone(),
            since: holder.run.since,
            limits: holder.run.limits.clone(),
            timeout: ns(holder.run.timeout),
            held: holder.held,
            served: holder.served,
            wish: holder.wish.map(|wish| (wish.count, ns(wish.from), ns(wish.to))),
            seen: Some(ns(holder.seen)),
        }
    }

    fn holder(&self, written_at: u64) -> Holder {
        let wish = |(count, from, to)| Wish { count, from: Duration::from_nanos(from), to: Duration::from_nanos(to) };
        let run = Sharer {
            id: self.id,
            pid: self.pid,
            name: self.name.clone(),
            since: self.since,
            limits: self.limits.clone(),
            timeout: Duration::from_nanos(self.timeout),
        };
        let seen = Duration::from_nanos(self.seen.unwrap_or(written_at));
        Holder { run, held: self.held, served: self.served, wish: self.wish.map(wish), seen }
    }
}

/// No clock here exceeds 584 years.
fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
