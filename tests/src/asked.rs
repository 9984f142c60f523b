//! What a test without a harness is asked for, and what it says when it cannot do it.

use std::env;
use std::process::ExitCode;

/// What takes a value of its own behind it, of all that a test of Rust understands.
const WITH_VALUE: [&str; 7] =
    ["--skip", "--test-threads", "--logfile", "--format", "--color", "--shuffle-seed", "-Z"];

/// The cases of a test that its command line asks for. After `--list`, which is answered here, there are none.
#[must_use]
pub fn cases(test: &str, all: &[String]) -> Vec<String> {
    let asked = Asked::read(env::args().skip(1));
    if asked.list {
        all.iter().for_each(|case| println!("{case}: test"));
        return Vec::new();
    }
    let cases: Vec<_> = all.iter().filter(|case| asked.wants(case)).cloned().collect();
    if cases.is_empty() {
        println!("{test}: left out, because other tests were asked for");
    }
    cases
}

/// Whether its command line asks for a test that is one case, of the same name.
#[must_use]
pub fn for_test(test: &str) -> bool {
    !cases(test, &[test.to_owned()]).is_empty()
}

/// A command line as `cargo test -- …` hands it to every test.
#[derive(Debug, Default)]
pub struct Asked {
    /// Only the names are wanted.
    pub list: bool,
    names: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    ignored: bool,
}

impl Asked {
    /// Reads it as Rust's own tests do. What is unknown is left to those.
    #[must_use]
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Self {
        let mut asked = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (flag, mut value) = match argument.split_once('=') {
                Some((flag, value)) if flag.starts_with('-') => (flag, Some(value.to_owned())),
                _ => (argument.as_str(), None),
            };
            if value.is_none() && WITH_VALUE.contains(&flag) {
                value = arguments.next();
            }
            match flag {
                "--list" => asked.list = true,
                "--exact" => asked.exact = true,
                "--ignored" => asked.ignored = true,
                "--skip" => asked.skipped.extend(value),
                _ if flag.starts_with('-') => {}
                _ => asked.names.push(argument),
            }
        }
        asked
    }

    /// Whether a case is to run: none of the cases here is an ignored one.
    #[must_use]
    pub fn wants(&self, case: &str) -> bool {
        let fits = |name: &String| if self.exact { case == name } else { case.contains(name.as_str()) };
        !self.ignored
            && (self.names.is_empty() || self.names.iter().any(fits))
            && !self.skipped.iter().any(fits)
    }
}

/// Why a test cannot run here.
#[derive(Debug)]
pub struct Missing {
    /// What is missing, in the words of who misses it.
    pub what: String,
    /// Whether this machine lets this process do it: then it only has to be installed.
    pub is_permitted: bool,
}

impl Missing {
    /// Says that a test was skipped. A machine that checks everything (`CI` is set) has what can be installed: there it fails.
    #[must_use]
    pub fn skips(&self, test: &str) -> ExitCode {
        let Self { what, is_permitted } = self;
        println!("{test}: SKIPPED: {what}");
        if *is_permitted && env::var_os("CI").is_some() {
            println!("{test}: FAILED, because it has to run where CI is set and the machine permits it");
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}
