use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Measures one store with the workload of benches/peers and checks that nothing was lost.

Usage: peer [OPTIONS] --dir DIR

  --dir DIR            an empty or missing directory on the disk to measure; the store is made in it and left there
  --shape SHAPE        own:    each writer appends to intents of its own (default)
                       hot:    writers share ten intents; conflicts are tried again, only successes count
                       replay: fills the store, then reads everything back in order
  --writers N          how many write at once, 1 to 1024 (default 1)
  --seconds S          for how long, 0.1 to 3600 (default 5)
  --stream-length N    events of one intent before the next one begins, 1 to 10000 (default 16)
  --fill N             events that a replay reads, at most (default 20000)
  --variant NAME       another way to use the same store, where it has one
  --help               this

Prints one line of JSON: what was counted, latencies in microseconds, and what the check found.
Exit codes: 0 measured (read `correct` in the line), 1 could not measure, 2 wrong usage.

Example: peer --shape own --writers 16 --seconds 5 --dir target/measured
";

/// How writers choose their intents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Each writer has its own.
    Own,
    /// All share ten.
    Hot,
    /// Nobody writes; everything is read.
    Replay,
}

impl Shape {
    /// As in `--shape`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Hot => "hot",
            Self::Replay => "replay",
        }
    }
}

/// What a run was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Args {
    /// Where the store is.
    pub dir: PathBuf,
    /// How writers choose their intents.
    pub shape: Shape,
    /// How many writers.
    pub writers: u32,
    /// For how long.
    pub seconds: f64,
    /// Events of one intent.
    pub stream_length: u32,
    /// Events that a replay reads, at most.
    pub fill: u64,
    /// Which variant of the store.
    pub variant: String,
}

/// Reads the arguments behind the program's name. `None` when help is asked for.
pub(crate) fn parse(words: impl Iterator<Item = String>, variants: &[&str]) -> Result<Option<Args>, String> {
    let mut args = Args {
        dir: PathBuf::new(),
        shape: Shape::Own,
        writers: 1,
        seconds: 5.0,
        stream_length: 16,
        fill: 20_000,
        variant: variants[0].to_owned(),
    };
    let mut words = words;
    while let Some(word) = words.next() {
        if word == "--help" || word == "-h" {
            return Ok(None);
        }
        let known = ["--dir", "--shape", "--writers", "--seconds", "--stream-length", "--fill", "--variant"];
        if !known.contains(&word.as_str()) {
            return Err(format!("unknown argument {word:?}: expected one of {}", known.join(", ")));
        }
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let whole = |from: u64, to: u64| match value.parse::<u64>() {
            Ok(number) if (from..=to).contains(&number) => Ok(number),
            _ => Err(format!("{word}: expected a whole number from {from} to {to}, got {value:?}")),
        };
        let small = |to: u64| whole(1, to).map(|number| u32::try_from(number).expect("bounded by `to`"));
        match word.as_str() {
            "--dir" => args.dir = PathBuf::from(value),
            "--shape" => {
                args.shape = match value.as_str() {
                    "own" => Shape::Own,
                    "hot" => Shape::Hot,
                    "replay" => Shape::Replay,
                    _ => return Err(format!("--shape: expected own, hot or replay, got {value:?}")),
                }
            }
            "--writers" => args.writers = small(1_024)?,
            "--seconds" => {
                args.seconds = match value.parse::<f64>() {
                    Ok(seconds) if (0.1..=3_600.0).contains(&seconds) => seconds,
                    _ => return Err(format!("--seconds: expected 0.1 to 3600, got {value:?}")),
                }
            }
            "--stream-length" => args.stream_length = small(10_000)?,
            "--fill" => args.fill = whole(1, 100_000_000)?,
            _ if variants.contains(&value.as_str()) => args.variant = value,
            _ => return Err(format!("--variant: expected {}, got {value:?}", variants.join(" or "))),
        }
    }
    if args.dir.as_os_str().is_empty() {
        return Err("--dir is needed: an empty directory on the disk to measure".to_owned());
    }
    Ok(Some(args))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_argument_is_named_or_a_run_would_measure_something_else_than_asked() {
        for (line, refused) in [
            ("--dir d", None),
            ("--dir d --shape hot --writers 64 --seconds 0.5 --variant b", None),
            ("", Some("--dir is needed")),
            ("--dir", Some("--dir needs a value")),
            ("--dir d --writer 2", Some("unknown argument \"--writer\"")),
            ("--dir d --writers 0", Some("--writers: expected a whole number from 1 to 1024")),
            ("--dir d --writers 1.5", Some("--writers: expected a whole number")),
            ("--dir d --seconds 0", Some("--seconds: expected 0.1 to 3600")),
            ("--dir d --seconds NaN", Some("--seconds: expected 0.1 to 3600")),
            ("--dir d --shape warm", Some("--shape: expected own, hot or replay")),
            ("--dir d --variant c", Some("--variant: expected a or b")),
        ] {
            let parsed = parse(line.split_whitespace().map(str::to_owned), &["a", "b"]);
            match refused {
                None => assert!(matches!(parsed, Ok(Some(_))), "{line}: {parsed:?}"),
                Some(why) => {
                    assert!(parsed.as_ref().is_err_and(|got| got.contains(why)), "{line}: {parsed:?}")
                }
            }
        }
    }
}
