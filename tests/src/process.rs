//! The `quittance` binary as a process: a server to talk to, or a command that ends.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a server may take to say where it listens: it may have to replay half an hour of load.
const START: Duration = Duration::from_secs(300);
/// So few records that what has ended leaves memory, and comes back, in every test that pays a few times.
const SNAPSHOT_EVERY: &str = "24";
/// How long a command, or a server asked to stop, may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take to check every signature of a log: after half an hour's load there are millions.
const VERIFIED: Duration = Duration::from_secs(600);

/// Where things are; see [`here`](crate::here).
#[derive(Clone, Copy, Debug)]
pub struct Here {
    /// The `quittance` command.
    pub binary: &'static str,
    /// A directory that outlives the test run.
    pub scratch: &'static str,
}

/// What a command that ended left behind.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it wrote.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Ran {
    /// The one JSON object on its standard output, after checking that it ended well.
    ///
    /// # Panics
    /// It ended with another code than 0, or wrote something else.
    #[must_use]
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "the command failed: {}{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: not one JSON object: {}", self.stdout))
    }
}

impl Here {
    /// Runs one command to its end.
    ///
    /// # Panics
    /// It cannot be started or does not end.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        run(Command::new(self.binary).args(args))
    }

    /// Starts a node in `data` with `--dev`.
    ///
    /// # Panics
    /// It does not say where it listens.
    #[must_use]
    pub fn serve(&self, data: &Path) -> Server {
        Server::start(self.binary, data)
    }

    /// The same, with more arguments.
    ///
    /// # Panics
    /// It does not say where it listens.
    #[must_use]
    pub fn serve_with(&self, data: &Path, arguments: &[&str]) -> Server {
        Server::start_with(self.binary, data, arguments)
    }

    /// Starts a node in `data` and kills it before it can serve, as a machine does that fails again while it recovers.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn serve_and_kill(&self, data: &Path, after: Duration) {
        let mut child = Command::new(self.binary)
            .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("QUITTANCE_SNAPSHOT_EVERY", SNAPSHOT_EVERY)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", self.binary));
        std::thread::sleep(after);
        child.kill().expect("a child can be killed");
        child.wait().expect("a killed process ends");
    }

    /// A new key file in `dir` and the public key in it.
    ///
    /// # Panics
    /// The key cannot be made.
    #[must_use]
    pub fn key(&self, dir: &Path, name: &str) -> (PathBuf, String) {
        let path = dir.join(name);
        let made = self.run([
            OsStr::new("keys"),
            "new".as_ref(),
            "--json".as_ref(),
            "--out".as_ref(),
            path.as_ref(),
        ]);
        (path, text(&made.json()["public_key"]))
    }

    /// A new key whose account holds `quarks`.
    ///
    /// # Panics
    /// The deposit is refused.
    #[must_use]
    pub fn funded_key(&self, dir: &Path, server: &Server, quarks: u64) -> (PathBuf, String) {
        let (path, account) = self.key(dir, "payer.key");
        let quarks = quarks.to_string();
        let ran = self.run(["account", "deposit", &account, &quarks, "--server", server.url(), "--json"]);
        assert_eq!(text(&ran.json()["balance"]), quarks);
        (path, account)
    }

    /// What `log verify` says about a node that is not running.
    ///
    /// # Panics
    /// The log does not verify.
    pub fn verify(&self, data: &Path) -> Value {
        let mut verify = Command::new(self.binary);
        let ran = run_within(verify.args(["log", "verify", "--json", "--data"]).arg(data), VERIFIED);
        let verified = ran.json();
        assert_eq!(verified["ok"], true);
        verified
    }

    /// Every record of a node that is not running.
    ///
    /// # Panics
    /// The log cannot be read.
    #[must_use]
    pub fn dump(&self, data: &Path) -> Vec<Value> {
        let ran = self.run([
            OsStr::new("log"),
            "dump".as_ref(),
            "--json".as_ref(),
            "--data".as_ref(),
            data.as_ref(),
        ]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
    }
}

/// A string, or a number as text.
#[must_use]
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A node of its own. Dropping it kills the process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    url: String,
    complaints: PathBuf,
}

impl Server {
    /// Starts a node in `data` with `--dev` on a free port. What it logs goes to a file beside `data`.
    ///
    /// # Panics
    /// It does not say where it listens.
    #[must_use]
    pub fn start(binary: impl AsRef<Path>, data: &Path) -> Self {
        Self::start_with(binary, data, &[])
    }

    fn start_with(binary: impl AsRef<Path>, data: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary.as_ref());
        command.env("QUITTANCE_SNAPSHOT_EVERY", SNAPSHOT_EVERY);
        Self::launch_with(&mut command, data, arguments).unwrap_or_else(|ended| {
            panic!("the server did not say where it listens, but ended with {}: {}", ended.code, ended.stderr)
        })
    }

    /// Starts a node in `data` with `--dev` on a free port, by a command that takes the node's arguments behind its own. What
    /// it logs goes to a file beside `data`.
    ///
    /// # Errors
    /// It ended, or had to be killed, before it said where it listens.
    ///
    /// # Panics
    /// There is no such program.
    pub fn launch(command: &mut Command, data: &Path) -> Result<Self, Ran> {
        Self::launch_with(command, data, &[])
    }

    fn launch_with(command: &mut Command, data: &Path, arguments: &[&str]) -> Result<Self, Ran> {
        let complaints = data.with_extension("stderr");
        let mut child = command
            .args(["serve", "--dev", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&complaints).expect("a file for the server's log"))
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = child.stdout.take().expect("its stdout is a pipe");
        let (said, heard) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            if BufReader::new(stdout).read_line(&mut line).is_ok() {
                // Nobody may be listening any more; then there is nothing to tell.
                let _ = said.send(line);
            }
        });
        let line = heard.recv_timeout(START).unwrap_or_default();
        let Some(url) = serde_json::from_str::<Value>(&line).ok().map(|said| text(&said["listening"])) else {
            // Its stdout is closed, so it is about to end; or it has had its time.
            let code = ended_within(&mut child, Duration::from_secs(5)).and_then(|status| status.code());
            let _ = child.kill();
            let _ = child.wait();
            let stderr = fs::read_to_string(&complaints).unwrap_or_default();
            return Err(Ran { code: code.unwrap_or(-1), stdout: line, stderr });
        };
        Ok(Self { child, url, complaints })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.complaints).unwrap_or_default()
    }

    /// What it has in memory (Linux's `VmRSS`), where the system says so.
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// Ends it as a crash does: SIGKILL, nothing is written any more.
    ///
    /// # Panics
    /// It had ended before.
    pub fn kill(mut self) {
        assert!(self.is_up(), "the server had ended by itself; it logged:\n{}", self.log());
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("a killed process ends");
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Panics
    /// It does not stop, or not cleanly.
    #[cfg(unix)]
    pub fn stop(mut self) {
        let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status();
        assert!(
            asked.expect("a shell").success(),
            "the server had ended by itself; it logged:\n{}",
            self.log()
        );
        let Some(status) = ended_within(&mut self.child, PATIENCE) else {
            panic!("the server did not stop; it logged:\n{}", self.log());
        };
        assert!(status.success(), "the server stopped with {status}; it logged:\n{}", self.log());
    }

    /// Waits this long for it to end by itself. Its exit code; -1 when a signal ended it.
    ///
    /// # Panics
    /// The system does not know the process.
    #[must_use]
    pub fn ended_within(&mut self, patience: Duration) -> Option<i32> {
        Some(ended_within(&mut self.child, patience)?.code().unwrap_or(-1))
    }

    /// Asks it to stop, whatever comes of it. Nothing happens if it has ended.
    #[cfg(unix)]
    pub fn ask_to_stop(&self) {
        // Only a shell knows how to send that signal without unsafe code.
        let _ = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.child.id())])
            .stderr(Stdio::null())
            .status();
    }

    /// Whether the process still runs.
    ///
    /// # Panics
    /// The system does not know the process.
    #[must_use]
    pub fn is_up(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_none()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; both calls only say so.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ended_within(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait().expect("our own child") {
            return Some(status);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a command to its end.
///
/// # Panics
/// It cannot be started or does not end.
pub fn run(command: &mut Command) -> Ran {
    run_within(command, PATIENCE)
}

/// Runs a command that may take this long to its end.
///
/// # Panics
/// It cannot be started or does not end.
pub fn run_within(command: &mut Command, patience: Duration) -> Ran {
    let name = command.get_program().to_os_string();
    let mut child = command
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", name.display()));
    let (stdout, stderr) = (drained(child.stdout.take()), drained(child.stderr.take()));
    let Some(status) = ended_within(&mut child, patience) else {
        let _ = child.kill();
        let _ = child.wait();
        panic!("{command:?} does not end");
    };
    let whole = |pipe: std::thread::JoinHandle<String>| pipe.join().expect("reading does not panic");
    Ran { code: status.code().unwrap_or(-1), stdout: whole(stdout), stderr: whole(stderr) }
}

fn drained(pipe: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is still worth showing.
            let _ = pipe.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}
