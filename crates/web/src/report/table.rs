//! The layout shared by all tables.

use maud::{Markup, html};

/// A column heading.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Text(&'static str),
    /// Right-aligned.
    Number(&'static str),
}

/// Renders a table from its rows. `class` is its class in the stylesheet.
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

/// The content of an empty cell.
pub(super) const NOTHING: &str = "–";
