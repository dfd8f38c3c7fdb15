//! Templates in the Jinja language: they render the text of a note from the cells of a row.
//!
//! # Names
//!
//! `{{ Date }}` is the column with exactly this name. `{{ row["Agent name"] }}` works for any column. The members of a
//! JSON object are used in the same way, including nested ones: `{{ customer.name }}`, `{{ row.customer.name }}`. `row`
//! is always the row. A column with that name is `row["row"]`; a column whose name is a keyword is `row["if"]` or
//! `row["none"]`, and inside a loop `row["loop"]`. A column may have the name of a filter. There are no functions, so a
//! name is always that of a column. `include` and `macro` do not exist either.
//!
//! A missing column is an error before the first row is read. A name that a JSON object lacks makes its row invalid,
//! unless the template has `| default('')`. A JSON null is an empty text, as it is without a template.
//!
//! Cells are texts, and so are JSON numbers: `{% if Count | int > 5 %}` compares numbers. The content of cells is never
//! interpreted as a template. Nothing is escaped except with `| escape`.
//!
//! # Filters
//!
//! The filters are `date`, `excel_date` and `html_to_text` (see [`filters`]), and those of Jinja that convert between
//! texts, numbers and lists: [`known::FILTERS`].
//!
//! # Bounds
//!
//! A text has at most [`Renderer::MOST_BYTES`]. [`Renderer::FUEL`] bounds the work per row, so a template with an
//! endless loop makes a row invalid and does not block the run.

mod error;
mod filters;
mod html;
mod known;
mod mentions;
mod renderer;
mod row;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use error::{RenderError, TemplateError};
pub(super) use renderer::Renderer;

/// The source of a template. It has been compiled successfully.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template(String);

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        let mentions = mentions::Mentions::of(&text);
        if let Some(line) = mentions.too_long {
            return Err(TemplateError::TooLong { line });
        }
        renderer::compile(&text)?;
        known::check(&mentions)?;
        Ok(Self(text))
    }
}

impl From<Template> for String {
    fn from(template: Template) -> String {
        template.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<Template>().unwrap_err().to_string()
    }

    #[test]
    fn templates_survive_text_and_json() {
        let text = "Von {{ row[\"Agent name\"] }}\n{% if a %}x{% endif %}\n\n";
        let template: Template = text.parse().unwrap();
        assert_eq!(template.to_string(), text);
        let json = serde_json::to_string(&template).unwrap();
        assert_eq!(serde_json::from_str::<Template>(&json).unwrap(), template);
        assert!(serde_json::from_str::<Template>(r#""{{ a ""#).is_err());
    }

    #[test]
    fn what_does_not_compile_names_its_line() {
        for (text, wanted) in [
            ("a\n{{ b", "line 2 of the template: unexpected end of input"),
            ("a\n\n{% if x %}", "line 3 of the template: unexpected end of input"),
            ("{% include 'x' %}", "line 1 of the template: unknown statement include"),
            ("{% macro x() %}{% endmacro %}", "line 1 of the template: unknown statement macro"),
            ("a\n{{ x | dte }}", "line 2 of the template: unknown filter \"dte\"; the closest is \"date\""),
            ("{{ x | frobnicate }}", "line 1 of the template: unknown filter \"frobnicate\""),
            ("{% filter uper %}x{% endfilter %}", "line 1 of the template: unknown filter \"uper\""),
            ("{% if x is not definedd %}{% endif %}", "line 1 of the template: unknown test \"definedd\""),
        ] {
            let error = refused(text);
            assert!(error.starts_with(wanted), "{text:?}: {error}");
        }
        let error = refused("{{ Agent name }}");
        assert!(error.ends_with(r#"; write a name with blanks as row["Agent name"]"#), "{error}");
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        for (open, deep) in [
            ("{{ ", "("),
            ("{{ ", "["),
            ("{{ ", "{1: "),
            ("{{ ", "not "),
            ("{{ ", "-"),
            ("{{ ", "- "),
            ("", "{% if x %}"),
            ("{{ x", ".a"),
            ("{{ x", " ~ x"),
            ("{{ x", " + x"),
            ("{{ x", "**x"),
            ("{{ x", "|d"),
            ("{{ x", "[1]"),
            ("{{ x", "()"),
            ("{{ x", " if x else x"),
            ("{{ x", " and x"),
            ("{{ x", " or x"),
            ("{{ x", "==x"),
            ("{{ x", " is not eq x"),
            ("{{ x", " not in x"),
            ("{% if x %}", "{% elif x %}"),
            ("{% filter d ", "|d"),
        ] {
            for n in [100, 1000, 20_000] {
                let text = format!("{open}{}", deep.repeat(n));
                assert!(n == 100 || text.parse::<Template>().is_err(), "{deep} {n}");
                assert!(n == 100 || format!("{text} }}}}").parse::<Template>().is_err(), "{deep} {n}");
                // Parsing must return, whether the text compiles or not.
                drop(text.parse::<Template>());
            }
        }
    }
}
