//! Chooses the columns for each field: the requested ones, else those with the API's own name or an obvious name.

use serde::{Deserialize, Serialize};

use super::error::InputError;
use super::options::{ColumnChoice, Field};
use crate::api::Fields;
use batchpost_sheets::{Columns, Names};

/// The columns used, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The ticket column.
    pub ticket: String,
    /// The text columns, in the order in which they are joined; empty if a template renders the text.
    pub text: Vec<String>,
    /// The column that names the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The columns used, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) ticket: usize,
    pub(super) text: Vec<usize>,
    pub(super) key: Option<usize>,
}

/// The API's own names for its fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    ticket: &'static str,
    text: &'static str,
}

impl Own {
    pub(super) fn of(fields: &Fields) -> Self {
        Self { ticket: fields.ticket_name(), text: fields.text_name() }
    }
}

/// Usual names of these columns in exports, reduced to lower-case letters and digits.
const TICKET_NAMES: &[&str] = &["ticketid", "ticket", "ticketno", "ticketnumber", "ticketnum"];
const TEXT_NAMES: &[&str] = &[
    "text",
    "note",
    "notes",
    "notetext",
    "internalnote",
    "comment",
    "comments",
    "commenttext",
    "commentbody",
    "ticketdescription",
    "description",
    "body",
    "message",
];

/// The requested columns, by field.
struct Asked<'a> {
    ticket: Option<&'a str>,
    text: Vec<&'a str>,
    key: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn of(choices: &'a [ColumnChoice]) -> Result<Self, InputError> {
        let of_field = |field| choices.iter().filter(move |choice| choice.field == field).map(|c| c.column.as_str());
        let the_only = |field| {
            let mut asked = of_field(field);
            match (asked.next(), asked.next()) {
                (Some(first), Some(second)) => {
                    let (first, second) = (first.to_owned(), second.to_owned());
                    Err(InputError::TwoColumns { field, first, second })
                }
                (first, _) => Ok(first),
            }
        };
        Ok(Self { ticket: the_only(Field::Ticket)?, text: of_field(Field::Text).collect(), key: the_only(Field::Key)? })
    }
}

/// Chooses the columns. With a `template`, there are no text columns.
pub(super) fn resolve(
    columns: &Columns,
    own: Own,
    choices: &[ColumnChoice],
    template: bool,
) -> Result<(Chosen, Mapping), InputError> {
    let asked = Asked::of(choices)?;
    if let (true, Some(column)) = (template, asked.text.first()) {
        return Err(InputError::TemplateAndColumn((*column).to_owned()));
    }
    let mut taken = Vec::new();
    let ticket = asked.ticket.map(|name| asked_for(columns, Field::Ticket, name).map(|index| vec![index]));
    // Exports with several comments per ticket have several columns of one name. Their texts are joined like those of
    // other columns.
    let texts = asked.text.iter().map(|name| all_asked_for(columns, Field::Text, name));
    for found in ticket.into_iter().chain(texts) {
        let found = found?;
        if let Some(again) = found.iter().find(|index| taken.contains(*index)) {
            return Err(InputError::ColumnAskedTwice(columns.name(*again).to_owned()));
        }
        taken.extend(found);
    }
    let mut text = taken.split_off(usize::from(asked.ticket.is_some()));
    let ticket = match taken.first() {
        Some(ticket) => *ticket,
        None => obvious(columns, own, &text, Field::Ticket)?,
    };
    if text.is_empty() && !template {
        text.push(obvious(columns, own, &[ticket], Field::Text)?);
    }
    // It may be the ticket column, if each ticket is to get one note.
    let key = asked.key.map(|name| asked_for(columns, Field::Key, name)).transpose()?;
    let name = |index: usize| columns.name(index).to_owned();
    let mapping = Mapping { ticket: name(ticket), text: text.iter().copied().map(name).collect(), key: key.map(name) };
    Ok((Chosen { ticket, text, key }, mapping))
}

/// The mapping of an input without any record to show its columns: the requested names, else those of the API.
pub(super) fn unseen(own: Own, choices: &[ColumnChoice], template: bool) -> Result<Mapping, InputError> {
    let asked = Asked::of(choices)?;
    let text = if asked.text.is_empty() && !template { vec![own.text] } else { asked.text };
    Ok(Mapping {
        ticket: asked.ticket.unwrap_or(own.ticket).to_owned(),
        text: text.into_iter().map(str::to_owned).collect(),
        key: asked.key.map(str::to_owned),
    })
}

fn asked_for(columns: &Columns, field: Field, name: &str) -> Result<usize, InputError> {
    let found = all_asked_for(columns, field, name)?;
    match found[..] {
        [index] => Ok(index),
        _ => Err(InputError::RepeatedColumn { field, column: columns.name(found[0]).to_owned() }),
    }
}

/// Returns the columns of that name, at least one.
fn all_asked_for(columns: &Columns, field: Field, name: &str) -> Result<Vec<usize>, InputError> {
    let loose = |name: &str| name.trim().to_lowercase();
    let wanted = loose(name);
    let all = columns.all();
    let mut found = of_one_name(&all, field, |_, column| column == name)?;
    if found.is_empty() {
        found = of_one_name(&all, field, |_, column| loose(column) == wanted)?;
    }
    if found.is_empty() {
        return Err(InputError::MissingColumn { field, column: name.to_owned(), columns: Names(all) });
    }
    // Members at different places of an object are not a series of texts.
    if let [_, .., last] = found[..]
        && last >= columns.names.len()
    {
        return Err(InputError::RepeatedPath(columns.name(last).to_owned()));
    }
    Ok(found)
}

/// Returns the only column with an obvious name for `field` (ticket or text), except `taken` ones.
fn obvious(columns: &Columns, own: Own, taken: &[usize], field: Field) -> Result<usize, InputError> {
    let columns = &columns.names;
    let (own, names) = if field == Field::Ticket { (own.ticket, TICKET_NAMES) } else { (own.text, TEXT_NAMES) };
    if let Some(index) = only(columns, field, |index, column| column == own && !taken.contains(&index))? {
        return Ok(index);
    }
    let plain = |name: &str| name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let own: String = plain(own);
    only(columns, field, |index, column| {
        let column: String = plain(column);
        (column == own || names.contains(&column.as_str())) && !taken.contains(&index)
    })?
    .ok_or_else(|| InputError::NoCandidate { field, columns: Names(columns.to_vec()) })
}

/// Returns the only column that `matches`, or `None`; several are an error.
fn only(columns: &[String], field: Field, matches: impl Fn(usize, &str) -> bool) -> Result<Option<usize>, InputError> {
    match of_one_name(columns, field, matches)?[..] {
        [] => Ok(None),
        [index] => Ok(Some(index)),
        // Columns of the same name: no option can distinguish them.
        [first, ..] => Err(InputError::RepeatedColumn { field, column: columns[first].clone() }),
    }
}

/// Returns the columns that `matches`; an error if their names differ.
fn of_one_name(
    columns: &[String],
    field: Field,
    matches: impl Fn(usize, &str) -> bool,
) -> Result<Vec<usize>, InputError> {
    let found: Vec<usize> = (0..columns.len()).filter(|&index| matches(index, &columns[index])).collect();
    if found.iter().all(|&index| columns[index] == columns[found[0]]) {
        return Ok(found);
    }
    let candidates = Names(found.into_iter().map(|index| columns[index].clone()).collect());
    Err(InputError::AmbiguousColumn { field, candidates })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Own = Own { ticket: "RelatedTicketId", text: "TextPart" };

    fn resolved(header: &str, choices: &[&str]) -> String {
        let columns = Columns::of_header(header.split(',').map(str::to_owned).collect());
        let choices: Vec<ColumnChoice> = choices.iter().map(|choice| choice.parse().unwrap()).collect();
        match resolve(&columns, OWN, &choices, false) {
            Ok((chosen, mapping)) => {
                assert_eq!(columns.name(chosen.ticket), mapping.ticket);
                assert_eq!(chosen.key.map(|key| columns.name(key)), mapping.key.as_deref());
                format!("{} {:?}", chosen.ticket, chosen.text)
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn columns_are_those_asked_for_else_the_apis_own_else_obvious_ones() {
        for (header, choices, wanted) in [
            ("RelatedTicketId,TextPart", &[][..], "0 [1]"),
            ("Ticket,Text,TextPart,RelatedTicketId", &[], "3 [2]"),
            ("id, Ticket_ID ,Comment Body", &[], "1 [2]"),
            ("TICKET NO.,ticket-description", &[], "0 [1]"),
            ("Ticket,Note,Comment", &["text=Comment"], "0 [2]"),
            ("Ticket,Note,Comment", &["text=Comment", "text=Note"], "0 [2, 1]"),
            ("a,b,c", &["text=c", "ticket=a", "text=b"], "0 [2, 1]"),
            ("a, B ,c", &["ticket=A", "text=b"], "0 [1]"),
            ("a,A,b", &["ticket=A", "text=b"], "1 [2]"),
            // As Jira exports the comments of a ticket.
            ("Ticket,Comment,Comment,x,Comment", &["text=Comment"], "0 [1, 2, 4]"),
            ("Ticket,Comment,Comment,Note", &["text=Note", "text= comment "], "0 [3, 1, 2]"),
            // A requested column is not a candidate for the other field.
            ("Ticket,Ticket No,Body", &["text=Ticket No"], "0 [1]"),
            ("Note,Text", &["ticket=Note"], "0 [1]"),
            // Names of unused columns may repeat.
            ("x,x,Ticket,Note", &[], "2 [3]"),
            // The key column may also be one of the other columns.
            ("Ticket,Note,id", &["key=id"], "0 [1]"),
            ("Ticket,Note", &["key=Ticket"], "0 [1]"),
        ] {
            assert_eq!(resolved(header, choices), wanted, "{header:?} {choices:?}");
        }
    }

    #[test]
    fn what_cannot_be_resolved_says_what_to_do() {
        for (header, choices, wanted) in [
            ("Ticket,Comment,Notes", &[][..], r#"several columns could be the text: "Comment", "Notes""#),
            ("id,Comment", &[], r#"cannot tell which column is the ticket; the columns are "id", "Comment""#),
            ("Ticket,Comment", &["text=Body"], r#"no column "Body" for the text; the columns are "Ticket", "Comment""#),
            ("Ticket,body,BODY", &["text=Body"], r#"several columns could be the text: "body", "BODY""#),
            ("Ticket,Note,Note", &[], r#"the header has the column "Note" more than once; rename the one not meant"#),
            (
                "id,id,Note",
                &["ticket=id"],
                r#"the header has the column "id" more than once; rename the one not meant"#,
            ),
            (
                "Ticket,Note,Note",
                &["text=Note", "text=Note"],
                r#"the column "Note" is requested twice; remove one request"#,
            ),
            ("Ticket,Note", &["text=Note", "text=note"], r#"the column "Note" is requested twice; remove one request"#),
            ("a,b", &["text=a", "ticket=a"], r#"the column "a" is requested twice; remove one request"#),
            (
                "a,b",
                &["ticket=a", "ticket=b"],
                r#"the ticket comes from one column, but both "a" and "b" are requested; remove one"#,
            ),
        ] {
            assert_eq!(resolved(header, choices), wanted, "{header:?} {choices:?}");
        }
    }

    #[test]
    fn without_a_record_the_mapping_is_as_asked_else_the_apis_names() {
        let mapping = unseen(OWN, &["text=Body".parse().unwrap()], false).unwrap();
        assert_eq!(mapping, Mapping { ticket: "RelatedTicketId".into(), text: vec!["Body".into()], key: None });
        assert_eq!(unseen(OWN, &[], false).unwrap().text, ["TextPart"]);
        assert!(unseen(OWN, &[], true).unwrap().text.is_empty());
    }
}
