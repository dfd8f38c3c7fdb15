//! Options that help with an unreadable input; the library's errors name no options.

use batchpost::input::{Field, InputError, SheetError, TextError};

/// Returns the option to pass or to leave out.
pub(crate) fn of_input(error: &InputError) -> Option<String> {
    let hint = match error {
        InputError::Text(error) => return of_text(error).map(str::to_owned).or_else(|| encoding_of(error)),
        InputError::Sheet(error) => of_sheet(error)?.to_owned(),
        InputError::Misplaced { setting, .. } => format!("leave --{} out", setting.replace(' ', "-")),
        InputError::NotCopied(_) => "pass --scratch-dir DIR to copy it to another folder".to_owned(),
        InputError::NoDelimiterFits { reason, .. } => {
            let also = of_input(reason).map(|hint| format!(", or {hint}")).unwrap_or_default();
            format!("pass --delimiter{also}")
        }
        InputError::NoCandidate { field, columns } => {
            let has_title = columns.0.iter().any(|name| name.trim().is_empty());
            let further_down = if has_title { ", or --header-row N, the row that names the columns" } else { "" };
            format!("pass --column {field}=COLUMN{further_down}")
        }
        InputError::AmbiguousColumn { field, .. } => format!("pass --column {field}=COLUMN"),
        // Only the text can be joined from several columns.
        InputError::RepeatedColumn { field: Field::Text, column } => {
            format!("or join them with --column text={column:?}")
        }
        InputError::NoWorkbook => "if it is text, pass --format csv, jsonl or json".to_owned(),
        _ => return None,
    };
    Some(hint)
}

fn of_text(error: &TextError) -> Option<&'static str> {
    Some(match error {
        TextError::NotText => "pass --format xlsx, or give the file the extension of its format",
        TextError::Malformed { .. } => "pass --encoding NAME if it is in another encoding",
        TextError::Contradicted { .. } => "leave --encoding out",
        TextError::NoHeaderRow { .. } => "correct --header-row",
        TextError::SeveralDelimitersFit { .. } => "pass --delimiter",
        TextError::NoObject { .. } => "pass --format csv if it is a CSV",
        TextError::ArrayNotLines => "pass --format json",
        TextError::ObjectNotArray => "pass --format jsonl if each line is an object",
        _ => return None,
    })
}

/// The most likely encoding of the text.
fn encoding_of(error: &TextError) -> Option<String> {
    match error {
        TextError::HeaderNotUtf8 { likely: Some(likely), .. } | TextError::Binary { likely: Some(likely) } => {
            Some(format!("if the file is {likely}, pass --encoding {likely}"))
        }
        _ => None,
    }
}

fn of_sheet(error: &SheetError) -> Option<&'static str> {
    match error {
        SheetError::NoSuchSheet { .. } | SheetError::NotCells { .. } => Some("name a sheet with --sheet NAME"),
        SheetError::HeaderEmpty { .. } | SheetError::HeaderBeyond { .. } => {
            Some("pass --header-row N, the row that names the columns")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use batchpost::input::Names;

    use super::*;

    #[test]
    fn where_columns_have_no_names_the_header_may_be_further_down() {
        let of = |names: &[&str]| {
            let columns = Names(names.iter().map(|&name| name.to_owned()).collect());
            of_input(&InputError::NoCandidate { field: Field::Ticket, columns }).unwrap()
        };
        assert!(of(&["Export of today", "", ""]).contains("--header-row N"));
        assert_eq!(of(&["Number", "Remark"]), "pass --column ticket=COLUMN");
    }
}
