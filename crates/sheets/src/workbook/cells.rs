//! Renders the values that calamine returns as text.

use std::fmt::Write;

use calamine::{CellErrorType, DataRef, ExcelDateTime};

use super::date::{push_duration, push_iso_duration, push_iso_moment, push_moment};
use super::number::push_float;
use super::row::Shown;
use crate::excel_date::Epoch;

/// The value of a cell.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Empty,
    Text(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
    Days(ExcelDateTime),
    IsoMoment(&'a str),
    IsoDuration(&'a str),
    Error(&'a CellErrorType),
}

impl Value<'_> {
    /// Appends the text shown.
    pub(super) fn push(self, out: &mut String, epoch: Epoch) -> Shown {
        match self {
            Self::Empty => {}
            Self::Text(text) => out.push_str(text),
            Self::Bool(value) => return push_boolean(out, value),
            Self::IsoMoment(iso) => push_iso_moment(out, iso),
            Self::IsoDuration(iso) => push_iso_duration(out, iso),
            // The formats store integers in 30 bits.
            Self::Int(number) => return push_float(out, number as f64),
            Self::Float(number) => return push_float(out, number),
            Self::Days(days) if days.is_duration() => return push_duration(out, days.as_f64()),
            Self::Days(days) => return push_moment(out, days.as_f64(), epoch),
            Self::Error(error) => {
                write!(out, "{error}").expect("a String takes what it is given");
                return Shown::Error;
            }
        }
        Shown::Text
    }
}

impl<'a> From<&'a DataRef<'_>> for Value<'a> {
    fn from(cell: &'a DataRef<'_>) -> Self {
        match cell {
            DataRef::Empty => Self::Empty,
            DataRef::String(text) => Self::Text(text),
            DataRef::SharedString(text) => Self::Text(text),
            DataRef::Int(number) => Self::Int(*number),
            DataRef::Float(number) => Self::Float(*number),
            DataRef::Bool(value) => Self::Bool(*value),
            DataRef::DateTime(days) => Self::Days(*days),
            DataRef::DateTimeIso(iso) => Self::IsoMoment(iso),
            DataRef::DurationIso(iso) => Self::IsoDuration(iso),
            DataRef::Error(error) => Self::Error(error),
        }
    }
}

pub(super) fn push_boolean(out: &mut String, value: bool) -> Shown {
    out.push_str(if value { "TRUE" } else { "FALSE" });
    Shown::Text
}
