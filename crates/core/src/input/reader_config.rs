//! The options together with everything they refer to, applied to the columns of an input.

use std::sync::Arc;

use super::columns::{Mapping, Own, resolve, unseen};
use super::error::InputError;
use super::note_builder::{NoteBuilder, Slots, Text};
use super::options::{ColumnChoice, Field, Format, Options};
use super::template::Renderer;
use super::ticket::{LookupSpec, LookupTable, TicketRule};
use crate::api::Api;
use crate::leadsquared::LeadSquared;
use batchpost_sheets::json::Members;
use batchpost_sheets::{Columns, Wanted};

/// How to read an input: [`Options`], the lookup table that they name, and the API, which defines ticket ids.
#[derive(Debug, Clone)]
pub struct ReaderConfig {
    pub(super) options: Options,
    target: Arc<dyn Api>,
    lookup: Option<Arc<LookupTable>>,
    /// Bytes of each text's maximum length that are reserved for another use.
    reserved_bytes: u32,
}

impl ReaderConfig {
    /// Creates a configuration for notes to `target`. If the options name a lookup table, no input can be opened until
    /// it is [loaded](Self::with_table).
    pub fn new(options: Options, target: Arc<dyn Api>) -> Self {
        Self { options, target, lookup: None, reserved_bytes: 0 }
    }

    /// Loads the lookup table with `table`, if the options name one.
    ///
    /// # Errors
    ///
    /// Returns the error of `table`.
    pub fn with_table<E>(self, table: impl FnOnce(&LookupSpec) -> Result<LookupTable, E>) -> Result<Self, E> {
        let lookup = self.options.lookup.as_ref().map(table).transpose()?.map(Arc::new);
        Ok(Self { lookup, ..self })
    }

    /// The configuration for reading the notes back from an export of an input that was read by this one. `sheet`
    /// describes the exported CSV, which has the columns of `mapping`.
    pub(crate) fn for_export(&self, sheet: Options, mapping: &Mapping) -> Self {
        let choice = |field, column: &String| ColumnChoice { field, column: column.clone() };
        let mut columns = vec![choice(Field::Ticket, &mapping.ticket)];
        for text in &mapping.text {
            let text = choice(Field::Text, text);
            // A name refers to all columns that have it.
            if !columns.contains(&text) {
                columns.push(text);
            }
        }
        columns.extend(mapping.key.iter().map(|name| choice(Field::Key, name)));
        let Options { ticket_pattern, lookup, template, .. } = self.options.clone();
        let template = template.filter(|_| mapping.text.is_empty());
        Self { options: Options { columns, ticket_pattern, lookup, template, ..sheet }, ..self.clone() }
    }

    /// The format of the input.
    pub fn format(&self) -> Format {
        self.options.format
    }

    /// Reserves `bytes` of each text's maximum length.
    #[must_use]
    pub fn reserving(self, bytes: u32) -> Self {
        Self { reserved_bytes: bytes, ..self }
    }

    /// Returns the cells to copy from records with these columns, and the builder that turns them into notes.
    pub(super) fn for_columns(&self, columns: &Columns) -> Result<(Wanted, NoteBuilder), InputError> {
        let own = Own::of(&self.target.fields());
        let (chosen, mapping) = resolve(columns, own, &self.options.columns, self.options.template.is_some())?;
        let Some(template) = &self.options.template else {
            let all: Vec<usize> =
                std::iter::once(chosen.ticket).chain(chosen.text.iter().copied()).chain(chosen.key).collect();
            return Ok((Wanted::each(&all), self.note_builder(Slots::in_order(&mapping), mapping, Text::Joined)?));
        };
        let renderer = Renderer::for_columns(template, &columns.names)?;
        // The renderer expects each cell at the index of its column.
        let used = renderer.uses().to_vec();
        let wanted = [chosen.ticket].into_iter().chain(chosen.key).chain(used.iter().copied());
        let wanted = Wanted::some_of(columns.names.len(), wanted);
        let slots = Slots { ticket: chosen.ticket, text: used, key: chosen.key };
        Ok((wanted, self.note_builder(slots, mapping, Text::OfCells(renderer))?))
    }

    /// Returns the members to copy from objects, and the builder that turns them into notes. `columns` are those of the
    /// first object.
    pub(super) fn for_objects(&self, columns: Option<&Columns>) -> Result<(Members, NoteBuilder), InputError> {
        let template = self.options.template.as_ref();
        let own = Own::of(&self.target.fields());
        let mapping = match columns {
            Some(columns) => resolve(columns, own, &self.options.columns, template.is_some())?.1,
            None => unseen(own, &self.options.columns, template.is_some())?,
        };
        let names = std::iter::once(&mapping.ticket).chain(&mapping.text).chain(&mapping.key).map(String::as_str);
        let nested = columns.map_or(&[][..], |columns| &columns.nested);
        let members = Members::new(nested, names);
        let text = match template {
            None => Text::Joined,
            Some(template) => Text::OfObject(Renderer::for_objects(template)?),
        };
        Ok((members, self.note_builder(Slots::in_order(&mapping), mapping, text)?))
    }

    fn note_builder(&self, slots: Slots, mapping: Mapping, text: Text) -> Result<NoteBuilder, InputError> {
        if let (Some(spec), None) = (&self.options.lookup, &self.lookup) {
            return Err(InputError::NoTable(spec.clone()));
        }
        let target = Arc::clone(&self.target);
        let tickets = TicketRule::new(target, self.options.ticket_pattern.clone(), self.lookup.clone());
        let (max_text, reserved_bytes) = (self.options.max_text, self.reserved_bytes);
        Ok(NoteBuilder { mapping, slots, tickets, text, max_text, reserved_bytes })
    }
}

impl From<Options> for ReaderConfig {
    /// For notes to LeadSquared, and options without a lookup table.
    fn from(options: Options) -> Self {
        Self::new(options, Arc::new(LeadSquared))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rows;
    use super::*;

    #[test]
    fn no_input_opens_without_the_table_that_the_options_name() {
        let lookup = Some("ids.csv:old:new".parse().unwrap());
        for (format, input) in [(Format::Csv, "Ticket,Note\n"), (Format::JsonLines, "")] {
            let options = Options { lookup: lookup.clone(), ..Options::new(format) };
            let error = Rows::open(input.as_bytes(), &options.into()).unwrap_err();
            assert_eq!(error.to_string(), "the lookup table ids.csv:old:new was not loaded");
        }
    }
}
