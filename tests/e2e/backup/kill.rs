use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Busy, HERE, done, quittance, refused, sums};

const ROUNDS: u32 = 12;

fn start(what: &str, path: &Path, data: &Path) -> Child {
    Command::new(HERE.binary)
        .arg(what)
        .arg(path)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command can be started")
}

/// SIGKILL after a while. Whether it came before the end.
fn kill(mut child: Child, after: Duration) -> bool {
    thread::sleep(after);
    let early = child.try_wait().expect("our own child").is_none();
    let _ = child.kill();
    child.wait().expect("a killed process ends");
    early
}

/// Lost if this fails: a backup that was interrupted, as it is when the machine dies in the middle of it, is no backup.
#[test]
fn a_backup_that_was_killed_is_worth_what_it_was_before_and_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data, backup) = (directory.path().join("data"), directory.path().join("backup"));
    let server = HERE.serve(&data);
    let address = server.address().to_owned();
    let busy: Vec<_> = (0..2).map(|number| Busy::till(number, &address)).collect();
    thread::sleep(Duration::from_secs(2));
    let began = Instant::now();
    let mut finished = quittance("backup", &backup, &data, &[]).json()["last_position"].as_u64();
    let whole = began.elapsed();
    let mut killed = 0;
    for round in 0..ROUNDS {
        killed += u32::from(kill(start("backup", &backup, &data), whole * round / ROUNDS));
        let copy = directory.path().join(format!("copy-{round}"));
        let said = quittance("restore", &backup, &copy, &[]);
        let said = serde_json::from_str(said.stdout.lines().last().unwrap_or_default())
            .unwrap_or_else(|_| panic!("round {round}: {}{}", said.stdout, said.stderr));
        let (position, ..) = sums(&said);
        assert!(position.as_u64() >= finished, "round {round}: {position}, {finished:?} had finished");
        if round % 3 == 2 {
            assert_eq!(sums(&HERE.verify(&copy)), sums(&said), "round {round}");
            let said = quittance("backup", &backup, &data, &[]).json();
            assert!(said["last_position"].as_u64() >= position.as_u64(), "round {round}: {said}");
            finished = said["last_position"].as_u64();
        }
    }
    assert!(killed > 0, "no run was killed before its end");
    busy.into_iter().for_each(|till| drop(till.stop()));
    server.stop();
    let said = quittance("backup", &backup, &data, &[]).json();
    assert_eq!(sums(&said), sums(&HERE.verify(&data)), "the backup is not the log");
}

fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(".unfinished-"))
}

/// Lost if this fails: half a log looks like a node, and is run as one.
#[test]
fn a_restore_that_was_killed_leaves_nothing_that_looks_like_a_node() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data, backup) = (directory.path().join("data"), directory.path().join("backup"));
    let server = HERE.serve(&data);
    let busy = Busy::till(0, server.address());
    thread::sleep(Duration::from_secs(1));
    drop(busy.stop());
    server.stop();
    let whole = quittance("backup", &backup, &data, &["--with-key".as_ref()]).json();
    let began = Instant::now();
    done(&quittance("restore", &backup, &directory.path().join("first"), &[]));
    let took = began.elapsed();
    let mut killed = 0;
    for round in 0..ROUNDS {
        let copy = directory.path().join(format!("copy-{round}"));
        let early = kill(start("restore", &backup, &copy), took * round / ROUNDS);
        killed += u32::from(early);
        if copy.exists() {
            assert_eq!(sums(&HERE.verify(&copy)), sums(&whole), "round {round}: a restored log is not whole");
            continue;
        }
        let remains = std::fs::read_dir(directory.path()).expect("a directory").flatten();
        for left in remains.map(|entry| entry.path()).filter(|path| is_unfinished(path)) {
            // The key comes last, into a log that is whole and verified; before it comes, no node runs there.
            if left.join("node.key").exists() {
                assert_eq!(sums(&HERE.verify(&left)), sums(&whole), "round {round}: half a log has its key");
            } else if left.join("log").exists() {
                let serve = ["serve", "--listen", "127.0.0.1:0", "--data"].map(OsStr::new);
                let ran = HERE.run(serve.iter().chain(&[left.as_os_str()]));
                refused(&ran, 2, "has a log but no node.key");
            }
        }
        let said = quittance("restore", &backup, &copy, &[]);
        assert_eq!(sums(&said.json()), sums(&whole), "round {round}: the second try");
        refused(&quittance("restore", &backup, &copy, &[]), 2, "is not empty");
    }
    assert!(killed > 0, "no run was killed before its end");
}
