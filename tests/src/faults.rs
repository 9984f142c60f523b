//! A disk that fails: strace makes one call of a program fail, on files of one directory only.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::asked::Missing;

/// The calls by which a log reaches its disk.
pub const CALLS: [&str; 8] =
    ["write", "pwrite64", "fsync", "fdatasync", "sync_file_range", "ftruncate", "rename", "openat"];

/// What a disk answers when it fails.
pub const ERRORS: [&str; 2] = ["EIO", "ENOSPC"];

/// How long strace may take to write down the end of what it traced.
const PATIENCE: Duration = Duration::from_secs(10);

/// One call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// One of [`CALLS`].
    pub call: &'static str,
    /// One of [`ERRORS`].
    pub error: &'static str,
    /// Which one: the how many-th of a thread, from 1. strace counts for each thread apart, so every thread that gets as far
    /// has its call fail.
    pub nth: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, error, nth } = self;
        write!(f, "{error} from {call} no. {nth}")
    }
}

/// A call that was made to fail.
#[derive(Clone, Debug)]
pub struct Injected {
    /// When it began, in microseconds of the system's clock.
    pub at: u128,
    /// The call as strace writes it.
    pub line: String,
}

impl Injected {
    /// Whether it was to put the log's own bytes on the disk, whose failure nothing may be acknowledged after.
    #[must_use]
    pub fn is_of_the_log(&self) -> bool {
        let writes = ["pwrite64(", "fsync(", "fdatasync(", "sync_file_range("];
        self.line.contains("/log/db>") && writes.iter().any(|call| self.line.starts_with(call))
    }
}

/// Traces programs that work in one directory.
#[derive(Clone, Debug)]
pub struct Tracer {
    dir: PathBuf,
    output: PathBuf,
}

impl Tracer {
    /// For programs that work in `dir`. Keeps its notes beside it.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), output: dir.with_extension("strace") }
    }

    /// Why nothing can be traced here, if nothing can.
    #[must_use]
    pub fn is_missing() -> Option<Missing> {
        let tried =
            Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stdin(Stdio::null()).output();
        match tried {
            Ok(ran) if ran.status.success() => None,
            // It is there and the system refuses it: a container without the right to trace.
            Ok(ran) => {
                let what = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
                Some(Missing { what, is_permitted: false })
            }
            Err(error) => Some(Missing { what: format!("strace does not run: {error}"), is_permitted: true }),
        }
    }

    /// The command that runs a program, to be given as further arguments, with this fault. The process that is started is the
    /// program itself; strace looks on from outside.
    #[must_use]
    pub fn command(&self, fault: Option<Fault>, snapshots: &[PathBuf]) -> Command {
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "-q", "-ttt", "-y", "-s", "0", "-o"]).arg(&self.output);
        command.args(["-e", &format!("trace={}", CALLS.join(","))]);
        if let Some(Fault { call, error, nth }) = fault {
            command.args(["-e", &format!("inject={call}:error={error}:when={nth}")]);
        }
        for name in ["", "lock", "running", "tip", "tip.new", "log", "log.new"] {
            command.arg("-P").arg(self.dir.join(name));
        }
        for name in ["db", "conf", "blobs"] {
            command.arg("-P").arg(self.dir.join("log.new").join(name));
            command.arg("-P").arg(self.dir.join("log").join(name));
        }
        for snapshot in snapshots {
            command.arg("-P").arg(self.dir.join(snapshot));
        }
        command
    }

    /// The same without a filter, to see which files there are.
    #[must_use]
    pub fn command_for_all(&self) -> Command {
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "-q", "-ttt", "-y", "-s", "0", "-o"]).arg(&self.output);
        command.args(["-e", &format!("trace={}", CALLS.join(","))]);
        command
    }

    /// Snapshots that the traced program wrote, by their path in the directory.
    ///
    /// # Panics
    /// strace left no notes.
    #[must_use]
    pub fn snapshots(&self) -> Vec<PathBuf> {
        let prefix = format!("{}/log/snap.", self.dir.display());
        let mut found: Vec<PathBuf> = Vec::new();
        for line in self.lines() {
            for rest in line.2.split(&prefix).skip(1) {
                let name = rest.split(['>', '"', ' ', ',']).next().unwrap_or_default();
                found.push(Path::new("log").join(format!("snap.{name}")));
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// How often the thread that made a call most often has made it.
    ///
    /// # Panics
    /// strace left no notes.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut by_thread = BTreeMap::<_, usize>::new();
        for (thread, _, line) in self.lines() {
            if let Some(call) = CALLS.iter().find(|call| line.starts_with(&format!("{call}("))) {
                *by_thread.entry((*call, thread)).or_default() += 1;
            }
        }
        let mut counts = BTreeMap::<_, usize>::new();
        for ((call, _), count) in by_thread {
            let most = counts.entry(call).or_default();
            *most = count.max(*most);
        }
        counts
    }

    /// The calls that were made to fail, in order.
    ///
    /// # Panics
    /// strace left no notes.
    #[must_use]
    pub fn injected(&self) -> Vec<Injected> {
        let mut begun = BTreeMap::new();
        let mut injected = Vec::new();
        for (thread, at, line) in self.lines() {
            if line.ends_with("<unfinished ...>") {
                begun.insert(thread, (at, line));
                continue;
            }
            let resumed = line.starts_with("<... ");
            let (at, call) = if resumed {
                begun.remove(&thread).unwrap_or((at, line.clone()))
            } else {
                (at, line.clone())
            };
            if line.ends_with("(INJECTED)") {
                injected.push(Injected { at, line: call });
            }
        }
        injected
    }

    /// Thread, time in microseconds, call. Waits until the traced program's end is written down.
    fn lines(&self) -> Vec<(u32, u128, String)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let notes = fs::read_to_string(&self.output).unwrap_or_default();
            let lines: Vec<_> = notes.lines().filter_map(read).collect();
            let over = |(_, _, line): &&(u32, u128, String)| line.starts_with("+++ ");
            // The first thread has the lowest number; the process is gone when that one is.
            let first = lines.iter().map(|(thread, ..)| *thread).min();
            if notes.ends_with('\n')
                && lines.last().is_some_and(|line| over(&line))
                && lines.iter().filter(over).any(|(thread, ..)| Some(*thread) == first)
            {
                return lines;
            }
            assert!(Instant::now() < deadline, "strace did not write down the program's end:\n{notes}");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// `THREAD SECONDS.MICROSECONDS CALL`
fn read(line: &str) -> Option<(u32, u128, String)> {
    let (thread, rest) = line.split_once(' ')?;
    let (time, call) = rest.trim_start().split_once(' ')?;
    let (seconds, micros) = time.split_once('.')?;
    let at = seconds.parse::<u128>().ok()? * 1_000_000 + micros.parse::<u128>().ok()?;
    Some((thread.parse().ok()?, at, call.to_owned()))
}
