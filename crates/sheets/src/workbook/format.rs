//! Classifies number formats: they turn a number into a moment or a duration, or leave it a number.

/// The meaning of a number in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Number,
    /// A date, a time or both.
    Moment,
    /// Hours, minutes or seconds that may exceed a day.
    Duration,
}

impl Format {
    /// The meaning of a built-in format, whose code is not in the file.
    pub(super) fn built_in(id: u16) -> Self {
        match id {
            // 27 and up are the formats of East Asian locales.
            14..=22 | 27..=36 | 45 | 47 | 50..=58 => Self::Moment,
            46 => Self::Duration,
            _ => Self::Number,
        }
    }

    /// The meaning of a format code, taken from its first section, which is for positive numbers.
    pub(super) fn of_code(code: &str) -> Self {
        if ["General", "Standard"].iter().any(|name| code.eq_ignore_ascii_case(name)) {
            return Self::Number;
        }
        let mut chars = code.chars();
        while let Some(char) = chars.next() {
            match char.to_ascii_lowercase() {
                ';' => break,
                '"' => _ = chars.find(|char| *char == '"'),
                // The next character is shown literally, or gives the width of a blank, or is repeated.
                '\\' | '_' | '*' => _ = chars.next(),
                // Brackets also enclose colours, conditions and locales.
                '[' => {
                    let inner: String = chars.by_ref().take_while(|char| *char != ']').collect();
                    let is_all = |unit| !inner.is_empty() && inner.chars().all(|char| char.eq_ignore_ascii_case(&unit));
                    if ['h', 'm', 's'].into_iter().any(is_all) {
                        return Self::Duration;
                    }
                }
                'd' | 'h' | 'm' | 's' | 'y' => return Self::Moment,
                _ => {}
            }
        }
        Self::Number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_dates_and_durations_are_told_from_those_of_numbers() {
        for (code, wanted) in [
            ("General", Format::Number),
            ("Standard", Format::Number),
            ("0.0%", Format::Number),
            ("0.00E+00", Format::Number),
            ("@", Format::Number),
            ("[$USD] #,##0.00", Format::Number),
            ("[Red][<0]0.00", Format::Number),
            ("0\" days\"", Format::Number),
            ("0\\d", Format::Number),
            ("#,##0_d*y", Format::Number),
            ("0;yyyy", Format::Number),
            ("yyyy-mm-dd;\"f1\"", Format::Moment),
            ("[$-409]D MMM YY H:MM AM/PM;@", Format::Moment),
            ("mm:ss.0", Format::Moment),
            ("[h]:mm:ss", Format::Duration),
            ("[Blue][HH]:mm", Format::Duration),
            ("[mm]:ss", Format::Duration),
        ] {
            assert_eq!(Format::of_code(code), wanted, "{code}");
        }
    }
}
