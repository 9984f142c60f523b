//! Command lines and what they print, as a text that is kept beside the tests.

use std::fs;
use std::path::Path;

use crate::process::Here;

/// Set it to write the text anew instead of comparing.
const UPDATE: &str = "QUITTANCE_UPDATE_TRANSCRIPTS";

/// A text that grows by one command at a time, with a name in place of whatever differs from run to run.
#[derive(Debug)]
pub struct Transcript {
    here: Here,
    names: Vec<(String, &'static str)>,
    text: String,
}

impl Transcript {
    /// An empty one.
    #[must_use]
    pub fn new(here: Here) -> Self {
        Self { here, names: Vec::new(), text: String::new() }
    }

    /// Says what `value` is called in the text. A command line names it in the same way.
    pub fn name(&mut self, value: &str, name: &'static str) {
        self.names.push((value.to_owned(), name));
    }

    /// Runs a command, given as it will stand in the text, and adds what it printed and its exit code.
    ///
    /// # Panics
    /// It does not end.
    pub fn run(&mut self, line: &str) {
        let arguments = line.split_whitespace().map(|word| {
            self.names.iter().fold(word.to_owned(), |word, (value, name)| word.replace(name, value))
        });
        let ran = self.here.run(arguments);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        let printed = self.names.iter().fold(printed, |printed, (value, name)| printed.replace(value, name));
        let printed: Vec<_> = printed.lines().map(|line| plain(line).trim_end().to_owned()).collect();
        let (printed, code) = (printed.join("\n"), ran.code);
        self.text.push_str(&format!("$ quittance {line}\n{printed}\n[{code}]\n\n"));
    }

    /// Compares with the text that is kept in `tests/data`, or writes it if the environment says so.
    ///
    /// # Panics
    /// They differ.
    pub fn check(&self, file: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(file);
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&path, &self.text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            return;
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        let differs = kept.split("\n\n").zip(self.text.split("\n\n")).find(|(kept, now)| kept != now);
        if let Some((kept, now)) = differs {
            panic!(
                "users see something else than {} says.\n--- kept\n{kept}\n--- now\n{now}\n{UPDATE}=1 keeps it",
                path.display()
            );
        }
        assert_eq!(
            kept.len(),
            self.text.len(),
            "{} has more or fewer commands; {UPDATE}=1 keeps them",
            path.display()
        );
    }
}

/// A line without what is different every time: hashes and times.
fn plain(line: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-');
    let mut text = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(is_word) {
        let (before, word) = rest.split_at(start);
        let end = word.find(|c| !is_word(c)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        text.push_str(before);
        text.push_str(named(word));
        rest = after;
    }
    text + rest
}

fn named(word: &str) -> &str {
    let is_hex = |length: usize| word.len() == length && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_time = word.len() >= 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    match word {
        _ if is_hex(64) => "HASH",
        _ if is_hex(32) => "CAUSATION",
        _ if is_time => "TIME",
        _ => word,
    }
}
