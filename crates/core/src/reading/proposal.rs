//! Proposes options for an input from its content. It applies what the errors of reading advise, and judges by the look
//! of the cells where no error helps. The proposal is for a person to check. Nothing is posted by it: a run never
//! guesses.

use std::io::Read;
use std::num::NonZeroU32;

use crate::input::{
    ColumnChoice, Content, Field, Format, IdShapes, InputError, InvalidRow, Layout, Mapping, Options, RecordError, Row,
    Rows, SheetError, TextError, TicketPattern, legacy_hint,
};

/// Proposed options for an input, and a sample of its rows with these options.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The options. They name all columns that are used.
    pub options: Options,
    /// The detected layout.
    pub layout: Layout,
    /// The sheets of a workbook.
    pub sheets: Vec<String>,
    /// The columns used.
    pub mapping: Mapping,
    /// The options that were guessed, for a person to check.
    pub guesses: Vec<Guess>,
    /// The content of the first rows.
    pub sample: Sample,
}

/// An option that was guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Guess {
    /// The encoding of a text input.
    Encoding,
    /// The delimiter.
    Delimiter,
    /// The ticket column, by the shapes of its cells.
    Ticket,
    /// The text column, by the lengths of its cells.
    Text,
    /// The pattern that extracts the ids from the ticket cells.
    Pattern,
}

/// The content of the first rows of an input.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Number of rows read.
    pub rows: u64,
    /// Number of rows with a note.
    pub notes: u64,
    /// Number of invalid rows.
    pub invalid: u64,
    /// The message for the first invalid row.
    pub first_invalid: Option<String>,
    /// The shapes of the ticket cells.
    pub tickets: IdShapes,
    encoding: EncodingLooks,
    wrong_tickets: u64,
}

/// What cells that were read as UTF-8 reveal about their encoding.
#[derive(Debug, Clone, Default)]
struct EncodingLooks {
    /// The most likely encoding of the first invalid row that is not UTF-8.
    likely: Option<&'static str>,
    /// The most likely encoding of the first cell that is not UTF-8, used or not.
    likely_elsewhere: Option<&'static str>,
    /// A cell is valid UTF-8 beyond ASCII. Cells that are not UTF-8 are then damaged rather than in another encoding.
    is_utf8: bool,
}

impl EncodingLooks {
    fn likely(&self) -> Option<&'static str> {
        self.likely.or(self.likely_elsewhere.filter(|_| !self.is_utf8))
    }

    /// Evaluates all cells of the last row, used or not.
    fn meet<R: Read>(&mut self, rows: &Rows<R>, content: &Content) {
        if rows.delimiter().is_some() {
            for cell in rows.cells().iter().filter(|cell| !cell.is_ascii()) {
                let likely = legacy_hint(cell);
                self.is_utf8 |= likely.is_none();
                self.likely_elsewhere = self.likely_elsewhere.or(likely);
            }
        }
        if let Content::Invalid { reason, .. } = content {
            self.likely = self.likely.or(likely_of(reason));
        }
    }
}

/// Returns the most likely encoding of the first of `rows`, which are read as UTF-8 by default; `None` if it is UTF-8.
///
/// # Errors
///
/// If they cannot be read.
pub(crate) fn likely_encoding<R: Read>(rows: &mut Rows<R>) -> Result<Option<&'static str>, InputError> {
    let mut looks = EncodingLooks::default();
    let mut met = 0;
    while met < MOST_ROWS
        && let Some(Row { content, .. }) = rows.next()?
    {
        met += 1;
        looks.meet(rows, &content);
    }
    Ok(looks.likely())
}

/// Maximum number of rows read. Few sheets change their nature after so many.
const MOST_ROWS: u64 = 20_000;
/// Rows read for each column, to judge it by its look.
const ROWS_OF_A_COLUMN: u64 = 500;
/// Rows of a sheet, or lines of a text, among which the header is searched.
const HEADER_WITHIN: u32 = 10;
/// Each turn settles one option: encoding, delimiter, ticket or text.
const TURNS: usize = 8;

/// Proposes options for an input. `open` reopens the input with given options. Values already in `options` are kept.
///
/// # Errors
///
/// If no proposal is possible: the error of the last attempt. `options` then contain the values found so far.
pub fn propose<R: Read>(
    options: &mut Options,
    open: &mut impl FnMut(&Options) -> Result<Rows<R>, InputError>,
) -> Result<Proposal, InputError> {
    let mut search = Search { open, guesses: Vec::new() };
    let mut requested = options.clone();
    let sheets = search.sheets(requested.format);
    // The first pass may reveal the encoding. With another encoding, everything is examined again.
    loop {
        *options = requested.clone();
        (options.sheet, options.header_row) = search.place(&requested, &sheets);
        search.settle(options)?;
        let sample = search.sample(options)?;
        match (sample.encoding.likely().map(str::parse), options.encoding) {
            (Some(Ok(encoding)), None) => {
                requested.encoding = Some(encoding);
                search.guesses = vec![Guess::Encoding];
            }
            _ => return search.proposal(options.clone(), sheets),
        }
    }
}

struct Search<'a, O> {
    open: &'a mut O,
    guesses: Vec<Guess>,
}

impl<R: Read, O: FnMut(&Options) -> Result<Rows<R>, InputError>> Search<'_, O> {
    /// Returns the sheet names of a workbook, from the error for a sheet name that cannot exist.
    fn sheets(&mut self, format: Format) -> Vec<String> {
        if format != Format::Workbook {
            return Vec::new();
        }
        match (self.open)(&Options { sheet: Some("\u{1}".to_owned()), ..Options::new(format) }) {
            Err(InputError::Sheet(SheetError::NoSuchSheet { sheets, .. })) => sheets.0,
            _ => Vec::new(),
        }
    }

    /// Returns the sheet and the header row, unless given: the first whose columns are obviously a ticket and a text,
    /// else the first that could name columns.
    fn place(&mut self, options: &Options, sheets: &[String]) -> (Option<String>, Option<NonZeroU32>) {
        let has_rows = matches!(options.format, Format::Csv | Format::Workbook);
        let header_rows = match options.header_row {
            None if has_rows => (1..=HEADER_WITHIN).map(|row| NonZeroU32::new(row).filter(|_| row > 1)).collect(),
            requested => vec![requested],
        };
        let others = if options.sheet.is_some() { &[][..] } else { sheets };
        let mut could_be = None;
        // The default sheet goes first.
        for sheet in std::iter::once(options.sheet.clone()).chain(others.iter().cloned().map(Some)) {
            for header_row in header_rows.iter().copied() {
                let place = (sheet.clone(), header_row);
                let options = Options { sheet: sheet.clone(), header_row, ..options.clone() };
                match self.header(&options) {
                    Ok(()) => return place,
                    Err(error) if could_be.is_none() && names_columns(&error) => could_be = Some(place),
                    Err(_) => {}
                }
            }
        }
        could_be.unwrap_or_else(|| (options.sheet.clone(), options.header_row))
    }

    /// Whether the columns are obvious there, in any encoding of their names and with the most likely delimiter.
    fn header(&mut self, options: &Options) -> Result<(), InputError> {
        let mut options = options.clone();
        loop {
            match (self.open)(&options) {
                // Several text columns of one name are as obvious as one. The ticket column is resolved before them.
                Err(InputError::RepeatedColumn { field: Field::Text, .. }) => return Ok(()),
                Err(error) if likeliest(&error, &mut options).is_some() => {}
                opened => return opened.map(drop),
            }
        }
    }

    /// Adds to `options` what the errors advise, until the input opens.
    fn settle(&mut self, options: &mut Options) -> Result<(), InputError> {
        for _ in 0..TURNS {
            match (self.open)(options) {
                Ok(_) => return Ok(()),
                Err(error) => self.heed(error, options)?,
            }
        }
        (self.open)(options).map(|_| ())
    }

    fn heed(&mut self, error: InputError, options: &mut Options) -> Result<(), InputError> {
        if let Some(guess) = likeliest(&error, options) {
            self.guesses.push(guess);
            return Ok(());
        }
        match error {
            InputError::RepeatedColumn { field: field @ Field::Text, column } => {
                options.columns.push(ColumnChoice { field, column });
            }
            InputError::NoCandidate { field, columns: ref names }
            | InputError::AmbiguousColumn { field, candidates: ref names } => {
                let Some(column) = self.choose(options, field, &names.0) else { return Err(error) };
                options.columns.push(ColumnChoice { field, column });
            }
            error => return Err(error),
        }
        Ok(())
    }

    /// Returns the one of `columns` that looks most like `field`. Columns of one name count as one.
    fn choose(&mut self, options: &Options, field: Field, columns: &[String]) -> Option<String> {
        let taken = |column: &&String| options.columns.iter().any(|choice| choice.column == **column);
        let mut best: Option<(u64, &String)> = None;
        for column in columns.iter().filter(|column| !taken(column) && !column.trim().is_empty()) {
            let Some(looks) = self.looks(options, field, column, columns) else { continue };
            let score = if field == Field::Ticket { looks.as_ticket(column) } else { looks.as_text() };
            // Of two equally good columns, the left one is taken.
            if score > 0 && best.is_none_or(|(most, _)| score > most) {
                best = Some((score, column));
            }
        }
        let (_, column) = best?;
        self.guesses.push(if field == Field::Ticket { Guess::Ticket } else { Guess::Text });
        Some(column.clone())
    }

    /// Returns the look of a column's cells, read as `field`; `None` if the column cannot be that field.
    fn looks(&mut self, options: &Options, field: Field, column: &str, all: &[String]) -> Option<Looks> {
        let mut with = options.clone();
        with.columns.push(ColumnChoice { field, column: column.to_owned() });
        // The ticket is settled before the text, so any other column serves as the text here.
        if field == Field::Ticket {
            let other = all.iter().find(|other| *other != column)?;
            with.columns = vec![with.columns.pop()?, ColumnChoice { field: Field::Text, column: other.clone() }];
        }
        let mut rows = (self.open)(&with).ok()?;
        let mut looks = Looks::default();
        for _ in 0..ROWS_OF_A_COLUMN {
            let Some(row) = rows.next().ok()? else { break };
            if let Content::Invalid { reason, .. } = row.content
                && let Some(likely) = likely_of(&reason)
                && options.encoding.is_none()
            {
                let encoding = likely.parse().ok()?;
                return self.looks(&Options { encoding: Some(encoding), ..options.clone() }, field, column, all);
            }
            if field == Field::Ticket {
                looks.meet([rows.ticket_cell()]);
            } else {
                looks.meet(rows.text_cells());
            }
        }
        Some(looks)
    }

    fn sample(&mut self, options: &Options) -> Result<Sample, InputError> {
        let mut rows = (self.open)(options)?;
        let mut sample = Sample::default();
        while sample.rows < MOST_ROWS
            && let Some(Row { position, content }) = rows.next()?
        {
            sample.rows += 1;
            sample.tickets.meet(rows.ticket_cell());
            if options.encoding.is_none() {
                sample.encoding.meet(&rows, &content);
            }
            match content {
                Content::Blank => {}
                Content::Note { .. } => sample.notes += 1,
                Content::Invalid { reason, .. } => {
                    sample.invalid += 1;
                    sample.wrong_tickets += u64::from(matches!(reason, InvalidRow::Ticket { .. }));
                    sample.first_invalid.get_or_insert_with(|| format!("{position}: {reason}"));
                }
            }
        }
        Ok(sample)
    }

    /// Returns the proposal with `options`, and with a ticket pattern if that helps.
    fn proposal(mut self, mut options: Options, sheets: Vec<String>) -> Result<Proposal, InputError> {
        let mut sample = self.sample(&options)?;
        if sample.wrong_tickets > 0
            && options.ticket_pattern.is_none()
            && let Some(pattern) = pattern(&sample.tickets)
        {
            let with = Options { ticket_pattern: Some(pattern), ..options.clone() };
            let by_pattern = self.sample(&with)?;
            if by_pattern.notes > sample.notes && by_pattern.wrong_tickets < sample.wrong_tickets {
                (options, sample) = (with, by_pattern);
                self.guesses.push(Guess::Pattern);
            }
        }
        let rows = (self.open)(&options)?;
        let (layout, mapping) = (rows.layout(), rows.mapping().clone());
        let choice = |field| move |column: &String| ColumnChoice { field, column: column.clone() };
        // A choice of a name applies to all columns of that name.
        let texts = mapping.text.iter().enumerate().filter(|(nth, name)| !mapping.text[..*nth].contains(name));
        let texts = texts.map(|(_, name)| name).map(choice(Field::Text));
        options.columns.retain(|choice| !matches!(choice.field, Field::Ticket | Field::Text));
        options.columns.extend(std::iter::once(&mapping.ticket).map(choice(Field::Ticket)).chain(texts));
        Ok(Proposal { options, layout, sheets, mapping, guesses: self.guesses, sample })
    }
}

/// Adds to `options` the encoding or delimiter that an error names as the most likely.
fn likeliest(error: &InputError, options: &mut Options) -> Option<Guess> {
    match error {
        InputError::Text(
            TextError::HeaderNotUtf8 { likely: Some(likely), .. } | TextError::Binary { likely: Some(likely) },
        ) if options.encoding.is_none() => {
            options.encoding = Some(likely.parse().ok()?);
            Some(Guess::Encoding)
        }
        InputError::NoDelimiterFits { first, .. } if options.delimiter.is_none() => {
            options.delimiter = Some(*first);
            Some(Guess::Delimiter)
        }
        InputError::Text(TextError::SeveralDelimitersFit { candidates }) if options.delimiter.is_none() => {
            options.delimiter = Some(*candidates.0.first()?);
            Some(Guess::Delimiter)
        }
        _ => None,
    }
}

/// Whether the only fault is that the columns have no obvious names.
fn names_columns(error: &InputError) -> bool {
    match error {
        InputError::NoCandidate { columns, .. } => {
            columns.0.iter().filter(|column| !column.trim().is_empty()).count() > 1
        }
        InputError::AmbiguousColumn { .. } => true,
        _ => false,
    }
}

/// Returns the most likely encoding of a row that is not UTF-8.
fn likely_of(reason: &InvalidRow) -> Option<&'static str> {
    match reason {
        InvalidRow::Record(RecordError::NotUtf8 { likely, .. } | RecordError::RecordNotUtf8 { likely, .. }) => *likely,
        _ => None,
    }
}

/// The look of a column's cells.
#[derive(Debug, Default)]
struct Looks {
    filled: u64,
    chars: u64,
    shapes: IdShapes,
}

impl Looks {
    /// Counts the cells of one row.
    fn meet<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        let mut cells = cells.into_iter().map(str::trim).filter(|cell| !cell.is_empty()).peekable();
        self.filled += u64::from(cells.peek().is_some());
        for cell in cells {
            self.chars += cell.chars().count() as u64;
            self.shapes.meet(cell);
        }
    }

    /// How much the column looks like ids: 0 for not at all.
    fn as_ticket(&self, name: &str) -> u64 {
        let like_ids: u64 = self.shapes.shapes().filter(|shape| is_id(&shape.pattern)).map(|shape| shape.count).sum();
        if self.filled == 0 || like_ids * 10 < self.filled * 8 {
            return 0;
        }
        let name = name.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
        match () {
            () if says(&["ticket"]) => 4,
            () if says(&["case", "incident", "issue", "request"]) => 3,
            () if name == "id" || says(&["_id", " id", "-id", "number", "no."]) => 2,
            () => 1,
        }
    }

    /// The mean length of the texts; 0 for ids.
    fn as_text(&self) -> u64 {
        let like_ids: u64 = self.shapes.shapes().filter(|shape| is_id(&shape.pattern)).map(|shape| shape.count).sum();
        if self.filled == 0 || like_ids * 2 > self.filled { 0 } else { (self.chars / self.filled).max(1) }
    }
}

/// Whether cells of this shape could be ids: one number, with at most something short around it.
fn is_id(shape: &str) -> bool {
    const LONGEST: usize = 24;
    parts(shape).is_some_and(|(before, after)| {
        let plain = |text: &str| !text.contains(char::is_whitespace);
        before.len() + after.len() <= LONGEST && plain(before) && plain(after)
    })
}

/// Returns the text before and after the only number of a shape.
fn parts(shape: &str) -> Option<(&str, &str)> {
    let digit = |c: char| c.is_ascii_digit();
    let start = shape.find(digit)?;
    let number = shape[start..].find(|c| !digit(c)).map_or(shape.len(), |end| start + end);
    let (before, after) = (&shape[..start], &shape[number..]);
    (!after.contains(digit) && !after.ends_with('…')).then_some((before, after))
}

/// Returns the pattern that extracts the number from cells of these shapes, if all frequent shapes agree on how it is
/// written.
fn pattern(shapes: &IdShapes) -> Option<TicketPattern> {
    const MOST_PREFIXES: usize = 5;
    let all: u64 = shapes.shapes().map(|shape| shape.count).sum::<u64>() + shapes.other;
    // A rare shape is a mistake rather than a way to write ids.
    let frequent = shapes.shapes().filter(|shape| shape.count * 50 >= all);
    let parts: Vec<(&str, &str)> = frequent.map(|shape| parts(&shape.pattern)).collect::<Option<_>>()?;
    let (_, suffix) = parts.first()?;
    let mut prefixes: Vec<&str> = Vec::new();
    for (before, _) in &parts {
        if !before.is_empty() && !prefixes.contains(before) {
            prefixes.push(before);
        }
    }
    if parts.iter().any(|(_, after)| after != suffix) || prefixes.len() > MOST_PREFIXES {
        return None;
    }
    let prefix = prefixes.iter().map(|prefix| literal(prefix)).collect::<Vec<_>>().join("|");
    let may_lack = if parts.iter().any(|(before, _)| before.is_empty()) { "?" } else { "" };
    let prefix = match prefixes.as_slice() {
        [] => String::new(),
        [_] if may_lack.is_empty() => prefix,
        _ => format!("(?:{prefix}){may_lack}"),
    };
    format!(r"{prefix}0*(\d+){}", literal(suffix)).parse().ok()
}

/// Returns the pattern for a part of a shape, in which a blank is any number of blanks.
fn literal(text: &str) -> String {
    // These need no escape here, and without one a person can read the pattern more easily.
    let plain = |c: char| "-#&~".contains(c);
    let each = text.chars().map(|c| match c {
        ' ' => r"\s+".to_owned(),
        c if plain(c) => c.to_string(),
        c => regex::escape(&c.to_string()),
    });
    each.collect()
}

#[cfg(test)]
mod tests;
