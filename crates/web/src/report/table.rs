//! The form that all tables have.

use maud::{Markup, html};

/// The head of a column.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Text(&'static str),
    /// Aligned to the right.
    Number(&'static str),
}

/// A table of the style's class `class`, from its rows.
pub(super) fn table(class: &str, columns: &[Column], rows: &Markup) -> Markup {
    html! {
        table.(class) {
            thead { tr { @for column in columns { (head(*column)) } } }
            tbody { (rows) }
        }
    }
}

fn head(column: Column) -> Markup {
    match column {
        Column::Text(name) => html! { th { (name) } },
        Column::Number(name) => html! { th.n { (name) } },
    }
}

/// What a cell shows where there is nothing to show.
pub(super) const NOTHING: &str = "–";
