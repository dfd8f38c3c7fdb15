//! A record's effect on its batch, without the rest of the record. A ledger may have millions of intents and
//! posts; they are recognised by their form and not parsed in full.

use super::line::{self, BadLine};
use super::record::{LedgerId, Record};
use crate::job::{Key, Ticket};

/// A record, reduced to what affects the states of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The start of an attempt.
    Intent(Attempt),
    /// The end of an attempt that posted the note.
    Posted(Attempt),
    Mark,
    Other(Record),
}

/// The reduced record of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) key: Key,
    /// The key of the job's content, if a column names the job.
    pub(crate) content: Option<Key>,
    /// The time in seconds since 1970.
    pub(crate) at_s: u32,
}

impl From<Record> for Step {
    fn from(record: Record) -> Self {
        Self::Other(record)
    }
}

impl Step {
    /// Reads a line that must be record `expected` of ledger `id`.
    pub(crate) fn read(line: &[u8], id: LedgerId, expected: u64) -> Result<Self, BadLine> {
        let covered = line::verify(line, id)?;
        let (found, step) = match known(covered) {
            Some(known) => known,
            // A line in any other form is parsed in full.
            None => line::parse(line).map(|(number, record)| (number, record.into()))?,
        };
        if found == expected { Ok(step) } else { Err(BadLine::Number { expected, found }) }
    }

    /// Like `read`, with the whole record.
    pub(crate) fn read_in_full(line: &[u8], id: LedgerId, expected: u64) -> Result<Self, BadLine> {
        line::read(line, id, expected).map(Self::Other)
    }
}

/// The number and the step of a line in the exact form in which this program writes the most common records.
/// `None` for any other line.
fn known(covered: &[u8]) -> Option<(u64, Step)> {
    let mut rest = Rest(covered);
    rest.skip(line::OPENING)?;
    let number = rest.number()?;
    rest.skip(b",\"")?;
    let step = if rest.skip(b"intent\":{").is_some() {
        Step::Intent(rest.attempt()?)
    } else if rest.skip(b"outcome\":{").is_some() {
        let attempt = rest.attempt().filter(|attempt| attempt.content.is_none())?;
        rest.skip(br#","verdict":"posted","stands":"posted","status":200"#)?;
        Step::Posted(attempt)
    } else {
        rest.skip(b"mark\":{\"synced\":")?;
        rest.number()?;
        Step::Mark
    };
    rest.skip(b"}")?;
    rest.0.is_empty().then_some((number, step))
}

/// The rest of a line.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn skip(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// A number without leading zeros of at most `most` digits.
    fn digits(&mut self, most: usize) -> Option<u64> {
        let mut number = 0;
        let mut count = 0;
        while let Some(digit) = self.0.get(count).filter(|byte| byte.is_ascii_digit()) {
            number = number * 10 + u64::from(digit - b'0');
            count += 1;
            if count > most {
                return None;
            }
        }
        let plain = count == 1 || (count > 1 && self.0[0] != b'0');
        self.0 = &self.0[count..];
        plain.then_some(number)
    }

    fn number(&mut self) -> Option<u64> {
        self.digits(18)
    }

    /// The common fields of intents and outcomes. Only the form of the time is checked.
    fn attempt(&mut self) -> Option<Attempt> {
        self.skip(b"\"row\":")?;
        self.number()?;
        self.skip(b",\"key\":\"")?;
        let key = self.key()?;
        let content = if self.skip(b"\",\"content\":\"").is_some() { Some(self.key()?) } else { None };
        self.skip(b"\",\"ticket\":")?;
        self.ticket()?;
        self.skip(b",\"attempt\":")?;
        self.digits(9)?;
        self.skip(b",\"at_us\":")?;
        self.number()?;
        self.skip(b",\"wall\":\"")?;
        let at_s = self.wall()?;
        self.skip(b"\"")?;
        Some(Attempt { key, content, at_s })
    }

    fn key(&mut self) -> Option<Key> {
        let (digits, rest) = self.0.split_first_chunk::<32>()?;
        self.0 = rest;
        Key::of_digits(digits)
    }

    /// A number, or a text without characters that JSON escapes.
    fn ticket(&mut self) -> Option<()> {
        let Some(text) = self.0.strip_prefix(b"\"") else {
            return self.number().filter(|ticket| *ticket > 0).map(|_| ());
        };
        let end = text.iter().position(|byte| *byte == b'"').filter(|end| *end <= Ticket::LONGEST_BYTES)?;
        let is_plain = text[..end].iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\');
        self.0 = &text[end + 1..];
        (is_plain && text[..end].iter().any(|byte| *byte != b'.')).then_some(())
    }

    /// A time in the records' format, in seconds since 1970. `None` for dates outside the calendar: the line
    /// is then parsed in full, which rejects it.
    fn wall(&mut self) -> Option<u32> {
        const SHAPE: &[u8; 19] = b"0000-00-00T00:00:00";
        // Lines with a leap day are parsed in full.
        const DAYS: [u8; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let (wall, rest) = self.0.split_first_chunk::<19>()?;
        let fits = wall.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            mark => byte == mark,
        });
        if !fits {
            return None;
        }
        let two = |at: usize| (wall[at] - b'0') * 10 + (wall[at + 1] - b'0');
        let (century, month, day) = (two(0), two(5), two(8));
        // The last day of the year 9999 is not valid in every time zone.
        let is_day = century < 99 && day > 0 && DAYS.get(usize::from(month)).is_some_and(|days| day <= *days);
        if !is_day || two(11) > 23 || two(14) > 59 || two(17) > 59 {
            return None;
        }
        self.0 = rest;
        // At most microseconds, without trailing zeros.
        if let Some(fraction) = self.0.strip_prefix(b".") {
            let digits = fraction.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
            self.0 = fraction.get(digits..).filter(|_| digits > 0)?;
        }
        self.skip(b"Z")?;
        let days = days_since_1970(u32::from(century) * 100 + u32::from(two(2)), month.into(), day.into())?;
        let seconds = u64::from(two(11)) * 3600 + u64::from(two(14)) * 60 + u64::from(two(17));
        u32::try_from(u64::from(days) * 86_400 + seconds).ok()
    }
}

/// Days from 1970 to a day of the Gregorian calendar, which repeats after 400 years. `None` before 1970.
fn days_since_1970(year: u32, month: u32, day: u32) -> Option<u32> {
    // Count years from March, so that the leap day is at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let of_years = year * 365 + year / 4 - year / 100 + year / 400;
    let of_months = (153 * month + 2) / 5;
    (of_years + of_months + day).checked_sub(719_469)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::record::{AttemptEnd, Intent, Mark};
    use crate::outcome::{Outcome, VerdictWord};

    const ID: LedgerId = LedgerId(7);

    fn ticket_143() -> Ticket {
        Ticket::try_from(143).unwrap()
    }

    fn line(number: u64, record: &Record) -> Vec<u8> {
        let mut line = Vec::new();
        line::write(&mut line, ID, number, record);
        line
    }

    fn intent_at(wall: &str) -> Intent {
        Intent {
            row: 1,
            key: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            ticket: ticket_143(),
            attempt: 1,
            at_us: 0,
            wall: wall.parse().unwrap(),
            content: None,
        }
    }

    fn attempt(intent: &Intent) -> Attempt {
        let at_s = intent.wall.as_second().try_into().unwrap();
        Attempt { key: intent.key, content: intent.content, at_s }
    }

    fn end(intent: &Intent, verdict: VerdictWord, outcome: Outcome, status: u16) -> Record {
        let Intent { row, key, ticket, attempt, at_us, wall, .. } = intent.clone();
        Record::Outcome(AttemptEnd {
            row,
            key,
            ticket,
            attempt,
            at_us,
            wall,
            verdict,
            outcome,
            status: Some(status),
            reply: None,
        })
    }

    prop_compose! {
        fn intents()(
            row in any::<u64>(), key in "[0-9a-f]{32}", content in prop::option::of("[0-9a-f]{32}"), ticket in 1..=i64::MAX as u64, word in "[!-~]{0,8}", attempt in any::<u32>(),
            at_us in any::<u64>(), wall in 0_i64..4_000_000_000_000_000,
        ) -> Intent {
            Intent {
                row: row >> (row % 64),
                key: key.parse().unwrap(),
                content: content.map(|content| content.parse().unwrap()),
                ticket: Ticket::text(&word).or(Ticket::try_from(ticket >> (ticket % 60))).unwrap_or(ticket_143()),
                attempt: attempt >> (attempt % 32),
                at_us: at_us >> (at_us % 64),
                wall: Timestamp::from_microsecond(wall).unwrap(),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_known_by_its_shape_is_what_it_is_in_full(
            intent in intents(), number in any::<u64>(), posted in any::<bool>(), status in prop::sample::select(&[200, 201][..]),
        ) {
            let number = (number >> (number % 64)).max(1);
            let (verdict, outcome) =
                if posted { (VerdictWord::Posted, Outcome::Posted) } else { (VerdictWord::Again, Outcome::Failed) };
            for record in [
                Record::Intent(intent.clone()),
                end(&intent, verdict, outcome, status),
                Record::Mark(Mark { synced: number - 1 }),
            ] {
                let line = line(number, &record);
                let full = match (&record, posted) {
                    (Record::Intent(intent), _) => Step::Intent(attempt(intent)),
                    (Record::Outcome(_), true) => Step::Posted(Attempt { content: None, ..attempt(&intent) }),
                    (Record::Mark(_), _) => Step::Mark,
                    _ => Step::Other(record.clone()),
                };
                let step = Step::read(&line, ID, number).unwrap();
                prop_assert!(step == full || step == Step::Other(record));
            }
        }

        /// With a correct checksum, whatever was changed in the bytes.
        #[test]
        fn nothing_is_taken_that_is_refused_in_full(
            intent in intents(), at in any::<prop::sample::Index>(), ended in any::<bool>(),
            byte in prop_oneof![any::<u8>(), b'0'..=b'9', prop::sample::select(&b"\"\\{}:,.-TZ "[..])],
        ) {
            let record = if ended {
                end(&intent, VerdictWord::Posted, Outcome::Posted, 200)
            } else {
                Record::Intent(intent)
            };
            let mut line = line(9, &record);
            let covered = line.len() - br#","crc":"00000000"}"#.len() - 1;
            let at = at.index(covered);
            line[at] = byte;
            let crc = line::checksum(ID, &line[..covered]);
            let crc_at = line.len() - br#"00000000"}"#.len() - 1;
            line[crc_at..crc_at + 8].copy_from_slice(format!("{crc:08x}").as_bytes());
            let full = line::read(&line, ID, 9);
            match Step::read(&line, ID, 9) {
                Err(error) => prop_assert_eq!(Err(error), full),
                Ok(Step::Other(step)) => prop_assert_eq!(Ok(step), full),
                Ok(Step::Intent(step)) => {
                    prop_assert!(matches!(full, Ok(Record::Intent(intent)) if attempt(&intent) == step));
                }
                Ok(Step::Posted(step)) => {
                    let at_s = |end: &AttemptEnd| i64::from(step.at_s) == end.wall.as_second();
                    prop_assert!(matches!(full, Ok(Record::Outcome(end)) if end.key == step.key && at_s(&end)));
                }
                Ok(Step::Mark) => prop_assert!(false, "it is none"),
            }
        }
    }

    #[test]
    fn the_commonest_lines_are_known_by_their_shape() {
        let intent = intent_at("2026-11-22T10:00:00.123Z");
        let posted = end(&intent, VerdictWord::Posted, Outcome::Posted, 200);
        for wall in [
            "2026-11-22T10:00:00.123456Z",
            "2026-11-22T10:00:00.123Z",
            "2026-11-22T10:00:00.5Z",
            "2026-11-22T10:00:00Z",
            "2026-10-31T23:59:59Z",
        ] {
            let intent = intent_at(wall);
            let posted = end(&intent, VerdictWord::Posted, Outcome::Posted, 200);
            let step = attempt(&intent);
            assert_eq!(Step::read(&line(5, &Record::Intent(intent)), ID, 5), Ok(Step::Intent(step)), "{wall}");
            assert_eq!(Step::read(&line(5, &posted), ID, 5), Ok(Step::Posted(step)), "{wall}");
        }
        assert_eq!(Step::read(&line(5, &Record::Mark(Mark { synced: 4 })), ID, 5), Ok(Step::Mark));
        assert_eq!(Step::read(&line(5, &posted), ID, 6), Err(BadLine::Number { expected: 6, found: 5 }));
    }

    #[test]
    fn a_moment_that_no_calendar_has_is_not_known_by_its_shape() {
        for (wall, is_known) in [
            ("2026-12-31T23:59:59Z", true),
            ("2027-02-28T00:00:00.000001Z", true),
            ("2028-02-29T00:00:00Z", false),
            ("2027-02-29T00:00:00Z", false),
            ("2026-11-31T00:00:00Z", false),
            ("2026-13-01T00:00:00Z", false),
            ("2026-00-01T00:00:00Z", false),
            ("2026-01-00T00:00:00Z", false),
            ("2026-01-01T24:00:00Z", false),
            ("2026-01-01T00:60:00Z", false),
            ("2026-01-01T00:00:60Z", false),
            ("9999-12-31T00:00:00Z", false),
            ("2026-01-01T00:00:00.Z", false),
            ("2026-01-01T00:00:00.1234567Z", false),
        ] {
            assert_eq!(Rest(wall.as_bytes()).wall().is_some(), is_known, "{wall}");
        }
    }
}
