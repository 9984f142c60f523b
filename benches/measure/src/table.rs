use std::fmt;

use crate::figures::FIGURES;
use crate::report::{Against, Figure, Report};

/// The report for people. [`Report`] as JSON is for programs.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = &self.machine;
        writeln!(
            f,
            "quittance {} ({}), {} cores of {}, {}, kernel {}, on {}",
            self.program.version,
            self.program.build,
            machine.cores,
            machine.cpu,
            machine.system,
            machine.kernel,
            machine.file_system
        )?;
        writeln!(
            f,
            "medians of {} runs, smallest and largest beside them; {} intents open for the memory figures",
            self.settings.runs, self.settings.open
        )?;
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        let rows = rows(&self.figures);
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..COLUMNS.len()).map(width).collect();
        writeln!(f)?;
        for row in &rows {
            let mut line = String::new();
            for ((cell, width), (_, right)) in row.iter().zip(&widths).zip(COLUMNS) {
                let space = " ".repeat(width - cell.chars().count());
                line += &if right { format!("{space}{cell}  ") } else { format!("{cell}{space}  ") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        for missing in &self.unavailable {
            writeln!(f, "not available: {}: {}", missing.name, missing.why)?;
        }
        Ok(())
    }
}

/// Titles, and which columns stand at the right.
const COLUMNS: [(&str, bool); 6] = [
    ("what", false),
    ("figure", true),
    ("smallest to largest", true),
    ("unit", false),
    ("against", false),
    ("ratio", true),
];

fn rows(figures: &[Figure]) -> Vec<[String; 6]> {
    let mut rows = vec![COLUMNS.map(|(title, _)| title.to_owned())];
    for figure in figures {
        let mut against = figure.against.iter();
        let spread = format!("{} to {}", number(figure.min), number(figure.max));
        let [first, ratio] = bound(against.next());
        let what = what(figure.name).to_owned();
        rows.push([what, number(figure.median), spread, figure.unit.to_owned(), first, ratio]);
        for more in against {
            let [name, ratio] = bound(Some(more));
            rows.push([String::new(), String::new(), String::new(), String::new(), name, ratio]);
        }
    }
    rows
}

/// A figure's words as they stand in the table, where some belong to the line above.
fn what(name: &str) -> &'static str {
    FIGURES.iter().find(|definition| definition.name == name).map_or("", |definition| definition.what)
}

fn bound(against: Option<&Against>) -> [String; 2] {
    against
        .map_or_else(Default::default, |against| [against.name.to_owned(), format!("{:.2}", against.ratio)])
}

/// Three or four digits that mean something.
fn number(value: f64) -> String {
    let (value, unit) = match value.abs() {
        small if small < 10_000.0 => (value, ""),
        large if large < 10_000_000.0 => (value / 1e3, "k"),
        _ => (value / 1e6, "M"),
    };
    match value.abs() {
        small if small < 10.0 => format!("{value:.3}{unit}"),
        middle if middle < 1_000.0 => format!("{value:.1}{unit}"),
        _ => format!("{value:.0}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_large_and_small_figures_without_counting_digits() {
        for (value, text) in [
            (0.000_4, "0.000"),
            (1.234_5, "1.234"),
            (12.34, "12.3"),
            (999.94, "999.9"),
            (1_000.0, "1000"),
            (9_999.4, "9999"),
            (12_345.6, "12.3k"),
            (123_456.7, "123.5k"),
            (1_234_567.0, "1235k"),
            (22_237_184.0, "22.2M"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
