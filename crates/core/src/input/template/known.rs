//! The filters and tests that a template may use.

use super::error::TemplateError;
use super::mentions::{At, Mentions, closest};

/// By name. Left out of minijinja's own: what is of use for web pages only, or shows a value as a programmer sees it.
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

/// Those of minijinja that are taken out, as a template may name a filter in a text, as in `map("safe")`.
pub(super) const FILTERS_OFF: &[&str] = &["attr", "pprint", "safe"];

/// By name: minijinja's own, which `is` goes before.
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

/// Whether all that is mentioned exists. minijinja itself would tell with the first row that gets there.
pub(super) fn check(mentions: &Mentions<'_>) -> Result<(), TemplateError> {
    exist(&mentions.filters, "filter", FILTERS)?;
    exist(&mentions.tests, "test", TESTS)
}

fn exist(used: &[At<'_>], kind: &'static str, known: &[&'static str]) -> Result<(), TemplateError> {
    let Some(&(name, line)) = used.iter().find(|(name, _)| !known.contains(name)) else { return Ok(()) };
    let close = closest(name, known.iter().copied()).map(str::to_owned);
    Err(TemplateError::Unknown { line, kind, name: name.to_owned(), close })
}
