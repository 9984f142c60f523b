use std::fmt::{Display, Write};

/// One JSON object on one line, fields in the order they are added.
#[derive(Debug, Default)]
pub(crate) struct Line(String);

impl Line {
    pub(crate) fn plain(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.name(name);
        let _ = write!(self.0, "{value}");
        self
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.quoted(value);
        self
    }

    pub(crate) fn finish(&self) -> String {
        format!("{{{}}}", self.0)
    }

    fn name(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.quoted(name);
        self.0.push(':');
    }

    fn quoted(&mut self, text: &str) {
        self.0.push('"');
        for char in text.chars() {
            match char {
                '"' | '\\' => self.0.extend(['\\', char]),
                '\n' => self.0.push_str("\\n"),
                char if char < ' ' => {
                    let _ = write!(self.0, "\\u{:04x}", u32::from(char));
                }
                char => self.0.push(char),
            }
        }
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_quotes_and_line_ends_stays_one_line_of_json() {
        let mut line = Line::default();
        line.text("why", "a \"b\"\n\\c\u{1}").plain("n", 1.5);
        assert_eq!(line.finish(), r#"{"why":"a \"b\"\n\\c\u0001","n":1.5}"#);
    }
}
