//! What a number format makes of a number, as far as that changes what it is.

/// What the number of a cell stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Number,
    /// A date, a time or both.
    Moment,
    /// Hours, minutes or seconds that do not end with the day.
    Duration,
}

impl Format {
    /// Of a format that is not in the file.
    pub(super) fn built_in(id: u16) -> Self {
        match id {
            // From 27 on: of eastern Asia.
            14..=22 | 27..=36 | 45 | 47 | 50..=58 => Self::Moment,
            46 => Self::Duration,
            _ => Self::Number,
        }
    }

    /// By its first section, which is for positive numbers.
    pub(super) fn of_code(code: &str) -> Self {
        if ["General", "Standard"].iter().any(|name| code.eq_ignore_ascii_case(name)) {
            return Self::Number;
        }
        let mut chars = code.chars();
        while let Some(char) = chars.next() {
            match char.to_ascii_lowercase() {
                ';' => break,
                '"' => _ = chars.find(|char| *char == '"'),
                // What follows is shown, or as wide as a blank is to be, or repeated.
                '\\' | '_' | '*' => _ = chars.next(),
                // Colours, conditions and locales too.
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
