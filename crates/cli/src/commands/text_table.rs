use std::fmt;

/// Characters a cell shows at most; the rest is cut.
const CELL_MAX: usize = 72;

/// Rows of text under headings, columns aligned, for people. Text from outside cannot steer the terminal: control
/// characters are shown, not sent.
#[derive(Debug)]
pub(super) struct TextTable {
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// A table without rows.
    pub(super) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Adds a row, one cell a heading.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| shown(&cell)).collect());
    }
}

impl fmt::Display for TextTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn shown(text: &str) -> String {
    let mut cell = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == CELL_MAX {
            cell.push('…');
            break;
        }
        if character.is_control() {
            cell.extend(character.escape_default());
        } else {
            cell.push(character);
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_harmless() {
        let mut table = TextTable::new(&["NAME", "URL"]);
        table.row(["a\u{1b}[31m".to_owned(), "https://example.com".to_owned()]);
        table.row(["long enough".to_owned(), "x".repeat(100)]);
        let text = table.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "NAME         URL");
        assert_eq!(lines[1], "a\\u{1b}[31m  https://example.com");
        assert!(lines[2].ends_with("x…") && lines[2].chars().count() < 100, "{text}");
    }
}
