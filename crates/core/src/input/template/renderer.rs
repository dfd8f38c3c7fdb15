//! Renders a compiled template for the rows of an input.

use std::io;
use std::sync::Arc;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

use super::error::{RenderError, TemplateError};
use super::mentions::{Mentions, closest};
use super::row::{Header, NamedColumn, Root, RowOfCells, object};
use super::{Template, filters, known};
use batchpost_engine::excerpt;
use batchpost_sheets::Names;
use batchpost_sheets::json::Json;

/// The name of the only template in an environment.
const NAME: &str = "template";

/// Renders the text of each row.
#[derive(Debug)]
pub(crate) struct Renderer {
    environment: Environment<'static>,
    header: Arc<Header>,
    /// The needed columns, by index.
    uses: Arc<[usize]>,
    /// The needed member names of an object, sorted; `None` if any may be needed.
    names: Option<Vec<String>>,
}

impl Renderer {
    /// Maximum length of a text.
    pub(crate) const MOST_BYTES: usize = 1 << 20;
    /// Work limit for a row in minijinja's unit: one instruction, or 64 bytes moved. A row of the maximum size, 1 MiB,
    /// can pass some thirty filters. An endless loop ends in a fraction of a second.
    pub(crate) const FUEL: u64 = 500_000;

    /// Compiles the template for these columns. Every name in the template must be one of them and occur once.
    pub(crate) fn for_columns(template: &Template, columns: &[String]) -> Result<Self, TemplateError> {
        let (environment, used) = compile(&template.0)?;
        let mentions = Mentions::of(&template.0);
        let header = Header::new(columns);
        let mut named = mentions.columns.clone();
        for name in used.iter().filter(|name| *name != "row") {
            let at = mentions.words.iter().find(|(word, _)| word == name);
            named.push(at.copied().unwrap_or((name, 1)));
        }
        named.sort_by_key(|(_, line)| *line);
        let mut uses = named
            .into_iter()
            .map(|(name, line)| match header.place(name) {
                Some(NamedColumn::Once(index)) => Ok(index),
                Some(NamedColumn::Twice) => Err(TemplateError::RepeatedColumn { line, name: name.to_owned() }),
                None => Err(TemplateError::UnknownColumn {
                    line,
                    name: name.to_owned(),
                    close: closest(name, columns.iter().map(String::as_str)).map(str::to_owned),
                    columns: Names(columns.to_vec()),
                }),
            })
            .collect::<Result<Vec<_>, _>>()?;
        // minijinja does not report a name that the template sets, even if it is read before that.
        uses.extend(mentions.words.iter().filter_map(|(word, _)| match header.place(word)? {
            NamedColumn::Once(index) => Some(index),
            NamedColumn::Twice => None,
        }));
        if needs_whole_row(&mentions, &used) {
            uses = (0..columns.len()).collect();
        }
        uses.sort_unstable();
        uses.dedup();
        Ok(Self { environment, header: header.into(), uses: uses.into(), names: None })
    }

    /// Compiles the template for JSON objects, whose names may differ from record to record.
    pub(crate) fn for_objects(template: &Template) -> Result<Self, TemplateError> {
        let (environment, mut used) = compile(&template.0)?;
        let mentions = Mentions::of(&template.0);
        let whole = needs_whole_row(&mentions, &used);
        used.extend(mentions.words.iter().map(|(name, _)| (*name).to_owned()));
        used.retain(|name| name != "row");
        used.extend(mentions.columns.iter().map(|(name, _)| (*name).to_owned()));
        used.sort_unstable();
        used.dedup();
        let header = Header::new(&[]).into();
        Ok(Self { environment, header, uses: [].into(), names: (!whole).then_some(used) })
    }

    /// The needed columns by index, in order; all columns if that cannot be determined in advance.
    pub(crate) fn uses(&self) -> &[usize] {
        &self.uses
    }

    /// Whether the template may need the member of this name.
    pub(crate) fn needs(&self, name: &str) -> bool {
        self.names.as_ref().is_none_or(|names| names.binary_search_by(|known| known.as_str().cmp(name)).is_ok())
    }

    /// Renders a row with one cell per column. Only the cells that the template uses are read.
    pub(crate) fn render_cells(&mut self, cells: &[impl AsRef<str>]) -> Result<String, RenderError> {
        let text = |index: &usize| cells.get(*index).map_or("", AsRef::as_ref);
        self.render(Value::from_object(RowOfCells {
            header: Arc::clone(&self.header),
            columns: Arc::clone(&self.uses),
            cells: self.uses.iter().map(|index| Value::from(text(index))).collect(),
        }))
    }

    /// Renders a JSON object. `members` must have those that the template needs.
    pub(crate) fn render_object(&mut self, members: &[(String, Json<'_>)]) -> Result<String, RenderError> {
        self.render(object(members))
    }

    fn render(&self, row: Value) -> Result<String, RenderError> {
        let template = self.environment.get_template(NAME).map_err(|error| failure(&error))?;
        let mut text = Capped { bytes: Vec::new(), full: false };
        let rendered = template.render_captured_to(Value::from_object(Root(row)), &mut text).map(drop);
        if text.full {
            return Err(RenderError::TooLong { most_bytes: Self::MOST_BYTES });
        }
        rendered.map_err(|error| failure(&error))?;
        Ok(String::from_utf8(text.bytes).expect("only whole texts are written"))
    }
}

/// Whether any column may be used. If minijinja and [`Mentions`] disagree on `row`, this is assumed.
fn needs_whole_row(mentions: &Mentions<'_>, used: &[String]) -> bool {
    let row = used.iter().any(|name| name == "row");
    mentions.whole_row || (row && mentions.columns.is_empty())
}

/// Compiles a template. Also returns the names that it uses, sorted.
pub(super) fn compile(text: &str) -> Result<(Environment<'static>, Vec<String>), TemplateError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(Renderer::FUEL));
    // Only in debug mode do errors contain the undefined name.
    environment.set_debug(true);
    for function in ["debug", "dict", "namespace", "range"] {
        environment.remove_global(function);
    }
    for filter in known::FILTERS_OFF {
        environment.remove_filter(filter);
    }
    filters::add_to(&mut environment);
    environment.add_template_owned(NAME, text.to_owned()).map_err(|error| syntax(&error, text))?;
    let template = environment.get_template(NAME).map_err(|error| syntax(&error, text))?;
    let mut used: Vec<String> = template.undeclared_variables(false).into_iter().collect();
    used.sort_unstable();
    Ok((environment, used))
}

fn syntax(error: &minijinja::Error, text: &str) -> TemplateError {
    let line = error.line().unwrap_or(1);
    let mut why = excerpt(error.detail().unwrap_or("it cannot be read"), 200);
    // A tag of plain words is most likely an unquoted column name.
    let tags = text.lines().nth(line - 1).unwrap_or_default().split("{{").skip(1);
    let mut names = tags.filter_map(|tag| tag.split_once("}}")).map(|(tag, _)| tag.trim());
    let plain = |name: &str| name.contains(' ') && name.chars().all(|c| c == ' ' || c == '_' || c.is_alphanumeric());
    if let Some(name) = names.find(|name| plain(name)) {
        why = format!("{why}; write a name with blanks as row[{:?}]", excerpt(name, 60));
    }
    TemplateError::Syntax { line, why }
}

fn failure(error: &minijinja::Error) -> RenderError {
    let line = error.line().unwrap_or(1);
    let why = || excerpt(error.detail().unwrap_or("it cannot be rendered"), 300);
    match error.kind() {
        ErrorKind::UndefinedError => RenderError::Undefined { line, what: why() },
        ErrorKind::OutOfFuel => RenderError::TooMuchWork { line },
        kind => match error.detail() {
            Some(_) => RenderError::Failed { line, why: why() },
            None => RenderError::Failed { line, why: kind.to_string() },
        },
    }
}

/// Receives a text up to the maximum length.
struct Capped {
    bytes: Vec<u8>,
    full: bool,
}

impl io::Write for Capped {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + text.len() > Renderer::MOST_BYTES {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
