//! How an input seems to want to be read, found out from itself: what the errors of reading advise a person to say is
//! said, and what no error can tell is judged by the looks of the cells. It is for a person to look at, and nothing is
//! posted by it: no reading guesses.

use std::io::Read;
use std::num::NonZeroU32;

use crate::input::{
    ColumnChoice, Content, Field, Format, IdShapes, InputError, InvalidRow, Layout, Mapping, Options, RecordError, Row,
    Rows, SheetError, TextError, TicketPattern, legacy_hint,
};

/// Options for an input, and what it looks like by them.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The options. All columns that are used are named in them.
    pub options: Options,
    /// How the input is written.
    pub layout: Layout,
    /// The sheets of a workbook.
    pub sheets: Vec<String>,
    /// The columns that are used.
    pub mapping: Mapping,
    /// What was judged by looks, for a person to look at.
    pub guesses: Vec<Guess>,
    /// What the first rows are.
    pub sample: Sample,
}

/// Something that was judged by looks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Guess {
    /// The text's encoding.
    Encoding,
    /// What divides the cells.
    Delimiter,
    /// The column of the ticket ids, by their shapes.
    Ticket,
    /// The column of the texts, by their lengths.
    Text,
    /// What takes the ids out of their cells.
    Pattern,
}

/// What the first rows of an input are.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// How many were read.
    pub rows: u64,
    /// Of how many a note can be made.
    pub notes: u64,
    /// Of how many none can be made.
    pub invalid: u64,
    /// The first of those, in words.
    pub first_invalid: Option<String>,
    /// What their ticket cells look like.
    pub tickets: IdShapes,
    encoding: EncodingLooks,
    wrong_tickets: u64,
}

/// What cells that were read as UTF-8 tell of the encoding that they are in.
#[derive(Debug, Clone, Default)]
struct EncodingLooks {
    /// The one that a row of which no note can be made looks most like, since it is not UTF-8.
    likely: Option<&'static str>,
    /// The same of a cell that no note is made of.
    likely_elsewhere: Option<&'static str>,
    /// Some cell is UTF-8 and more than ASCII, so that what is not is damage rather than another encoding.
    is_utf8: bool,
}

impl EncodingLooks {
    fn likely(&self) -> Option<&'static str> {
        self.likely.or(self.likely_elsewhere.filter(|_| !self.is_utf8))
    }

    /// Takes in what the row that was read last tells, by all of its cells, used or not.
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

/// The encoding that the first of `rows`, which are read as UTF-8 since none was said, look like; none where it is that.
///
/// # Errors
///
/// When they cannot be read.
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

/// Rows that are looked at. Seldom does a sheet turn into another after so many.
const MOST_ROWS: u64 = 20_000;
/// Of every column in turn, where its looks are to tell what it is.
const ROWS_OF_A_COLUMN: u64 = 500;
/// Rows of a sheet, or lines of a text, in which a header is looked for.
const HEADER_WITHIN: u32 = 10;
/// Each turn settles something: encoding, delimiter, ticket, text.
const TURNS: usize = 8;

/// Finds out how an input seems to want to be read; `open` opens it anew by some options. What is said in `options` is
/// kept.
///
/// # Errors
///
/// When it cannot be found out: what is wrong with the last try. `options` hold what was found until then.
pub fn propose<R: Read>(
    options: &mut Options,
    open: &mut impl FnMut(&Options) -> Result<Rows<R>, InputError>,
) -> Result<Proposal, InputError> {
    let mut search = Search { open, guesses: Vec::new() };
    let mut said = options.clone();
    let sheets = search.sheets(said.format);
    // A first look tells the encoding; with another all is looked at anew.
    loop {
        *options = said.clone();
        (options.sheet, options.header_row) = search.place(&said, &sheets);
        search.settle(options)?;
        let sample = search.sample(options)?;
        match (sample.encoding.likely().map(str::parse), options.encoding) {
            (Some(Ok(encoding)), None) => {
                said.encoding = Some(encoding);
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
    /// The names of a workbook's sheets: asked for one that no sheet can be called, it tells those there are.
    fn sheets(&mut self, format: Format) -> Vec<String> {
        if format != Format::Workbook {
            return Vec::new();
        }
        match (self.open)(&Options { sheet: Some("\u{1}".to_owned()), ..Options::new(format) }) {
            Err(InputError::Sheet(SheetError::NoSuchSheet { sheets, .. })) => sheets.0,
            _ => Vec::new(),
        }
    }

    /// The sheet and the row of the header, where they were not said: the first with columns that are obviously a ticket
    /// and a text, else the first that could name columns.
    fn place(&mut self, options: &Options, sheets: &[String]) -> (Option<String>, Option<NonZeroU32>) {
        let has_rows = matches!(options.format, Format::Csv | Format::Workbook);
        let header_rows = match options.header_row {
            None if has_rows => (1..=HEADER_WITHIN).map(|row| NonZeroU32::new(row).filter(|_| row > 1)).collect(),
            said => vec![said],
        };
        let others = if options.sheet.is_some() { &[][..] } else { sheets };
        let mut could_be = None;
        // The one that is taken where none is named goes first.
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

    /// Whether the columns are obvious there, in whatever encoding their names are, and by the likeliest delimiter.
    fn header(&mut self, options: &Options) -> Result<(), InputError> {
        let mut options = options.clone();
        loop {
            match (self.open)(&options) {
                // Texts of one name are as obvious as one; the ticket is looked for before them.
                Err(InputError::RepeatedColumn { field: Field::Text, .. }) => return Ok(()),
                Err(error) if likeliest(&error, &mut options).is_some() => {}
                opened => return opened.map(drop),
            }
        }
    }

    /// Adds to `options` what the errors advise to say, until the input opens.
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

    /// The one of `columns` that looks most like `field`; texts of one name are one.
    fn choose(&mut self, options: &Options, field: Field, columns: &[String]) -> Option<String> {
        let taken = |column: &&String| options.columns.iter().any(|choice| choice.column == **column);
        let mut best: Option<(u64, &String)> = None;
        for column in columns.iter().filter(|column| !taken(column) && !column.trim().is_empty()) {
            let Some(looks) = self.looks(options, field, column, columns) else { continue };
            let score = if field == Field::Ticket { looks.as_ticket(column) } else { looks.as_text() };
            // Of two as good the left one.
            if score > 0 && best.is_none_or(|(most, _)| score > most) {
                best = Some((score, column));
            }
        }
        let (_, column) = best?;
        self.guesses.push(if field == Field::Ticket { Guess::Ticket } else { Guess::Text });
        Some(column.clone())
    }

    /// What the cells of a column look like as `field`; none where they cannot be that.
    fn looks(&mut self, options: &Options, field: Field, column: &str, all: &[String]) -> Option<Looks> {
        let mut with = options.clone();
        with.columns.push(ColumnChoice { field, column: column.to_owned() });
        // The ticket is settled before the text, which anything else is meanwhile.
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

    /// The proposal that `options` are, with a pattern for the tickets where it helps.
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
        // One choice has all columns of its name.
        let texts = mapping.text.iter().enumerate().filter(|(nth, name)| !mapping.text[..*nth].contains(name));
        let texts = texts.map(|(_, name)| name).map(choice(Field::Text));
        options.columns.retain(|choice| !matches!(choice.field, Field::Ticket | Field::Text));
        options.columns.extend(std::iter::once(&mapping.ticket).map(choice(Field::Ticket)).chain(texts));
        Ok(Proposal { options, layout, sheets, mapping, guesses: self.guesses, sample })
    }
}

/// Adds to `options` the encoding or the delimiter that an error names as the likeliest.
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

/// Whether what is wrong is only that the columns there are have no obvious names.
fn names_columns(error: &InputError) -> bool {
    match error {
        InputError::NoCandidate { columns, .. } => {
            columns.0.iter().filter(|column| !column.trim().is_empty()).count() > 1
        }
        InputError::AmbiguousColumn { .. } => true,
        _ => false,
    }
}

/// The encoding that a row looks most like which is not UTF-8.
fn likely_of(reason: &InvalidRow) -> Option<&'static str> {
    match reason {
        InvalidRow::Record(RecordError::NotUtf8 { likely, .. } | RecordError::RecordNotUtf8 { likely, .. }) => *likely,
        _ => None,
    }
}

/// What the cells of a column look like.
#[derive(Debug, Default)]
struct Looks {
    filled: u64,
    chars: u64,
    shapes: IdShapes,
}

impl Looks {
    /// Takes in the cells that one row has.
    fn meet<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        let mut cells = cells.into_iter().map(str::trim).filter(|cell| !cell.is_empty()).peekable();
        self.filled += u64::from(cells.peek().is_some());
        for cell in cells {
            self.chars += cell.chars().count() as u64;
            self.shapes.meet(cell);
        }
    }

    /// How much it looks like a column of ids: 0 for not at all.
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

    /// The mean length of what is in it; 0 for ids.
    fn as_text(&self) -> u64 {
        let like_ids: u64 = self.shapes.shapes().filter(|shape| is_id(&shape.pattern)).map(|shape| shape.count).sum();
        if self.filled == 0 || like_ids * 2 > self.filled { 0 } else { (self.chars / self.filled).max(1) }
    }
}

/// Whether cells of this shape could be ids: one number, and perhaps something short around it.
fn is_id(shape: &str) -> bool {
    const LONGEST: usize = 24;
    parts(shape).is_some_and(|(before, after)| {
        let plain = |text: &str| !text.contains(char::is_whitespace);
        before.len() + after.len() <= LONGEST && plain(before) && plain(after)
    })
}

/// What stands before and after the only number of a shape.
fn parts(shape: &str) -> Option<(&str, &str)> {
    let digit = |c: char| c.is_ascii_digit();
    let start = shape.find(digit)?;
    let number = shape[start..].find(|c| !digit(c)).map_or(shape.len(), |end| start + end);
    let (before, after) = (&shape[..start], &shape[number..]);
    (!after.contains(digit) && !after.ends_with('…')).then_some((before, after))
}

/// What takes the number out of cells of these shapes, where all that are frequent agree on how it is written.
fn pattern(shapes: &IdShapes) -> Option<TicketPattern> {
    const MOST_PREFIXES: usize = 5;
    let all: u64 = shapes.shapes().map(|shape| shape.count).sum::<u64>() + shapes.other;
    // What is rare is a mistake rather than a way to write ids.
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

/// What matches a part of a shape, in which a blank is any number of them.
fn literal(text: &str) -> String {
    // These are escaped for places in which they do not stand here, and a person is to read it.
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
