//! Answers other than that a note was created, grouped by text.

use std::cmp::Reverse;
use std::collections::HashMap;

use jiff::Timestamp;

use crate::ledger::AttemptEnd;
use crate::outcome::VerdictWord;
use batchpost_engine::excerpt;

/// Answers with the same text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyGroup {
    /// Their verdict.
    pub verdict: VerdictWord,
    /// Their text, with `#` for numbers of more than three digits.
    pub says: String,
    /// Number of answers.
    pub count: u64,
    /// Time of the first one.
    pub first: Timestamp,
    /// Time of the last one.
    pub last: Timestamp,
}

/// A bounded number of groups of answers.
#[derive(Debug, Default)]
pub struct Replies {
    groups: HashMap<(VerdictWord, String), ReplyGroup>,
    others: u64,
}

impl Replies {
    /// Maximum number of groups: the first ones seen.
    pub const MOST: usize = 500;

    /// The most frequent first; the same answers are always in the same order.
    pub fn groups(&self) -> Vec<&ReplyGroup> {
        let mut all: Vec<&ReplyGroup> = self.groups.values().collect();
        all.sort_by_key(|answer| (Reverse(answer.count), answer.says.as_str(), answer.verdict as u8));
        all
    }

    /// Number of answers outside these groups.
    pub fn others(&self) -> u64 {
        self.others
    }

    pub(super) fn take(&mut self, end: &AttemptEnd) {
        if matches!(end.verdict, VerdictWord::Posted | VerdictWord::Withdrawn) {
            return;
        }
        let says = without_numbers(&excerpt(end.reply.as_deref().unwrap_or_default(), 300));
        let full = self.groups.len() >= Self::MOST;
        let key = (end.verdict, says);
        if let Some(answer) = self.groups.get_mut(&key) {
            answer.count += 1;
            answer.last = end.wall;
        } else if full {
            self.others += 1;
        } else {
            let (verdict, says) = key.clone();
            self.groups.insert(key, ReplyGroup { verdict, says, count: 1, first: end.wall, last: end.wall });
        }
    }
}

/// Ids make otherwise equal answers differ. Status codes have three digits and are kept.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let digits = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        out.push_str(before);
        out.push_str(if digits > 3 { "#" } else { &from[..digits] });
        rest = &from[digits..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Identity, Key, Ticket};
    use crate::outcome::Outcome;

    fn end(verdict: VerdictWord, reply: &str, second: i64) -> AttemptEnd {
        let ticket = Ticket::try_from(1).unwrap();
        AttemptEnd {
            row: 1,
            key: Key::of_job(&Identity::of("t"), &ticket, ""),
            ticket,
            attempt: 1,
            at_us: 0,
            wall: Timestamp::from_second(second).unwrap(),
            verdict,
            outcome: Outcome::Pending,
            status: None,
            reply: Some(reply.to_owned()),
        }
    }

    #[test]
    fn answers_that_differ_in_an_id_are_one() {
        let mut replies = Replies::default();
        replies.take(&end(VerdictWord::Rejected, "400 no ticket 12345", 1));
        replies.take(&end(VerdictWord::Again, "500 down", 2));
        replies.take(&end(VerdictWord::Rejected, "400 no ticket 777777", 3));
        replies.take(&end(VerdictWord::Posted, "200", 4));
        let told: Vec<_> = replies.groups().into_iter().map(|a| (a.says.as_str(), a.count)).collect();
        assert_eq!(told, [("400 no ticket #", 2), ("500 down", 1)]);
        let spans: Vec<_> = replies.groups().iter().map(|a| (a.first.as_second(), a.last.as_second())).collect();
        assert_eq!(spans, [(1, 3), (2, 2)]);
    }

    #[test]
    fn however_many_there_are_a_bounded_number_is_told_apart() {
        let mut replies = Replies::default();
        for n in 0..2000 {
            replies.take(&end(VerdictWord::Again, &format!("5{} {}", "x".repeat(n % 700), "y".repeat(n / 700)), 1));
        }
        assert_eq!(replies.groups().len(), Replies::MOST);
        let counted: u64 = replies.groups().iter().map(|answer| answer.count).sum();
        assert_eq!(counted + replies.others(), 2000);
    }

    #[test]
    fn answers_that_differ_in_their_meaning_alone_are_always_in_the_same_order() {
        let told = || {
            let mut replies = Replies::default();
            replies.take(&end(VerdictWord::Rejected, "500", 1));
            replies.take(&end(VerdictWord::Again, "500", 2));
            replies.groups().iter().map(|answer| answer.verdict).collect::<Vec<_>>()
        };
        // Each list has a hash table with another seed.
        let first = told();
        assert!((0..30).all(|_| told() == first));
    }

    #[test]
    fn short_numbers_and_letters_of_any_script_stay() {
        assert_eq!(without_numbers("500 é1234é 12 98765"), "500 é#é 12 #");
        assert_eq!(without_numbers(""), "");
    }
}
