//! CSV for spreadsheets and databases.
//!
//! Place in the flow: a [`Table`], or rows of another renderer -> text. Quoting and line ends are those of RFC 4180. Spreadsheets run cells
//! that begin like a formula, and names come from whoever can send a span: text that begins with `=`, `+`, `-`, `@` (also full
//! width), after spaces or not, gets a `'` in front, which makes it text. Control characters are written out, so a row is one
//! line. Who needs names to the byte takes Parquet or JSON.

use tracemesh_graph::tabular::{Column, Table};

use super::onboarding::text::visible;

/// A table with a header line. Cells without a value are empty, like empty text.
#[must_use]
pub fn table(table: &Table) -> String {
    let mut text = String::new();
    let header: Vec<&str> = table
        .spec
        .columns
        .iter()
        .map(|column| column.name)
        .collect();
    push(&mut text, &header);
    for row in 0..table.rows() {
        let cells: Vec<String> = table.columns.iter().map(|column| at(column, row)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

/// A cell of a column as it stands in a line. Numbers are never formulas and need no quotes.
fn at(column: &Column, row: usize) -> String {
    fn shown<T>(cells: &[T], row: usize, show: impl Fn(&T) -> String) -> String {
        cells.get(row).map(show).unwrap_or_default()
    }
    fn some<T>(cells: &[Option<T>], row: usize, show: impl Fn(&T) -> String) -> String {
        shown(cells, row, |value| {
            value.as_ref().map(&show).unwrap_or_default()
        })
    }
    match column {
        Column::Bool(cells) => shown(cells, row, bool::to_string),
        Column::U32(cells) => shown(cells, row, u32::to_string),
        Column::U64(cells) => shown(cells, row, u64::to_string),
        Column::F64(cells) => shown(cells, row, f64::to_string),
        Column::Text(cells) => shown(cells, row, |text| cell(text)),
        Column::MaybeU32(cells) => some(cells, row, u32::to_string),
        Column::MaybeU64(cells) => some(cells, row, u64::to_string),
        Column::MaybeF64(cells) => some(cells, row, f64::to_string),
        Column::MaybeText(cells) => some(cells, row, |text| cell(text)),
    }
}

/// Adds a line of text cells.
pub(super) fn push(text: &mut String, cells: &[impl AsRef<str>]) {
    let cells: Vec<String> = cells.iter().map(|text| cell(text.as_ref())).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

fn cell(text: &str) -> String {
    let mut text = visible(text);
    let first = text.trim_start().chars().next();
    let is_formula = matches!(
        first,
        Some('=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}')
    );
    if is_formula {
        text.insert(0, '\'');
    }
    if text.contains(['"', ',', ';', '\'']) || text.trim() != text {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{golden, sample::shop};

    #[test]
    fn tables_of_the_shop_are_as_expected() {
        for found in shop().tables() {
            let name = found.spec.name;
            if ["nodes", "edges"].contains(&name) {
                golden::expect("graph", &format!("shop-{name}.csv"), &table(&found));
            }
        }
    }

    #[test]
    fn cells_are_no_formulas_and_no_more_than_one_cell() {
        assert_eq!(cell("cart"), "cart");
        assert_eq!(cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(cell(" @SUM"), "\"' @SUM\"");
        assert_eq!(cell("\t=1"), "\\u{9}=1");
        assert_eq!(cell("a,b\r\n"), "\"a,b\\u{d}\\u{a}\"");
        assert_eq!(cell("-1"), "\"'-1\"");
        assert_eq!(cell(""), "");
    }

    #[test]
    fn numbers_stay_numbers_and_nothing_is_empty() {
        let column = Column::MaybeF64(vec![Some(-0.5), None]);
        assert_eq!([at(&column, 0), at(&column, 1)], ["-0.5", ""]);
        let column = Column::MaybeText(vec![Some("-x".to_owned()), None]);
        assert_eq!([at(&column, 0), at(&column, 1)], ["\"'-x\"", ""]);
        let column = Column::U64(vec![u64::MAX]);
        assert_eq!(at(&column, 0), "18446744073709551615");
        assert_eq!(at(&column, 1), "");
    }
}
