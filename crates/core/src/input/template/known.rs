//! The filters and tests that a template may use.

use super::error::TemplateError;
use super::mentions::{At, Mentions, closest};

/// Filter names. Of minijinja's filters, those for web pages only and those that show values as a programmer sees them
/// are left out.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "date",
    "default",
    "dictsort",
    "e",
    "escape",
    "excel_date",
    "first",
    "float",
    "format",
    "groupby",
    "html_to_text",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// minijinja filters that are removed from the environment. The check of the source does not find a filter named in a
/// text, as in `map("safe")`.
pub(super) const FILTERS_OFF: &[&str] = &["attr", "pprint", "safe"];

/// Test names: those of minijinja, used after `is`.
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

/// Checks that all mentioned filters and tests exist. minijinja itself reports them only with the first row that
/// reaches them.
pub(super) fn check(mentions: &Mentions<'_>) -> Result<(), TemplateError> {
    exist(&mentions.filters, "filter", FILTERS)?;
    exist(&mentions.tests, "test", TESTS)
}

fn exist(used: &[At<'_>], kind: &'static str, known: &[&'static str]) -> Result<(), TemplateError> {
    let Some(&(name, line)) = used.iter().find(|(name, _)| !known.contains(name)) else { return Ok(()) };
    let close = closest(name, known.iter().copied()).map(str::to_owned);
    Err(TemplateError::Unknown { line, kind, name: name.to_owned(), close })
}
