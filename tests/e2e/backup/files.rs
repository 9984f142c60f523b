use std::fs;
use std::path::Path;

use quittance_tests::till::Till;

use crate::{HERE, done, quittance, refused, sums};

/// A node that has stopped, with a few payments in its log.
fn log(data: &Path) {
    let server = HERE.serve(data);
    let mut till = Till::new(0);
    (0..8).for_each(|_| till.step(server.address()).expect("a node that is up answers"));
    server.stop();
}

/// Lost if this fails: a log that was carried somewhere else is another log there.
#[test]
fn a_log_is_the_same_after_export_and_import() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let data = path("data");
    log(&data);
    let before = HERE.verify(&data);
    let exported = quittance("export", &path("log.quittance"), &data, &[]).json();
    assert_eq!(sums(&exported), sums(&before));
    fs::create_dir(path("copy")).expect("an empty directory");
    let imported = quittance("import", &path("log.quittance"), &path("copy"), &[]).json();
    assert_eq!((sums(&imported), &imported["key"]), (sums(&before), &false.into()));
    let mut verified = HERE.verify(&path("copy"));
    assert_eq!(verified, before, "log verify sees a difference");
    assert_eq!(HERE.dump(&path("copy")), HERE.dump(&data));
    // A log without its key can be read, and carried on, but no node runs on it.
    done(&quittance("export", &path("again.quittance"), &path("copy"), &[]));
    let (first, second) = (fs::read(path("log.quittance")), fs::read(path("again.quittance")));
    assert!(first.expect("a file") == second.expect("a file"), "the copy's file is another one");
    let ran = HERE.run(["serve".as_ref(), "--dev".as_ref(), "--data".as_ref(), path("copy").as_os_str()]);
    refused(&ran, 2, "has a log but no node.key");
    fs::copy(data.join("node.key"), path("copy").join("node.key")).expect("the key");
    HERE.serve(&path("copy")).stop();
    verified = HERE.verify(&path("copy"));
    assert_eq!(verified, before, "a start alone changed the copy");
}

#[test]
fn a_file_of_a_running_node_is_the_same_as_of_a_stopped_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let server = HERE.serve(&path("data"));
    let answer = quittance_tests::people::Payer::numbered(1).deposit(server.address(), "first", 500);
    assert!(answer.expect("a node").is_success());
    done(&quittance("export", &path("running"), &path("data"), &[]));
    server.stop();
    done(&quittance("export", &path("stopped"), &path("data"), &[]));
    assert_eq!(fs::read(path("running")).expect("a file"), fs::read(path("stopped")).expect("a file"));
    let ran = quittance("export", &path("stopped"), &path("data"), &[]);
    refused(&ran, 2, "exists and is not replaced");
}

/// Lost if this fails: money is accounted for by a file that has rotted. Every byte and every cut is tried where the format
/// is; here the command is held to saying it.
#[test]
fn a_damaged_file_makes_no_node() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    log(&path("data"));
    done(&quittance("export", &path("log"), &path("data"), &[]));
    let bytes = fs::read(path("log")).expect("a file");
    let check = |what: &str, changed: &[u8], code: i32, said: &str| {
        fs::write(path("changed"), changed).expect("a file");
        let ran = quittance("import", &path("changed"), &path("copy"), &[]);
        assert_eq!(ran.code, code, "{what}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(said), "{what}: {}", ran.stderr);
        let names: Vec<_> = fs::read_dir(directory.path()).expect("a directory").flatten().collect();
        assert!(
            !names.iter().any(|entry| entry.file_name().to_string_lossy().starts_with("copy")),
            "{what}: something was left behind"
        );
    };
    let flipped = |at: usize| {
        let mut changed = bytes.clone();
        changed[at] ^= 16;
        changed
    };
    check("another file", b"{\"some\": \"letter\"}", 2, "cannot be read as a log file");
    check("another beginning", &flipped(3), 2, "cannot be read as a log file");
    check("another node", &flipped(20), 5, "behind position 0");
    for at in (42..bytes.len()).step_by(bytes.len() / 12) {
        check(&format!("byte {at}"), &flipped(at), 5, "is damaged behind position ");
        check(&format!("cut at {at}"), &bytes[..at], 5, "is damaged behind position ");
    }
    check("one byte missing", &bytes[..bytes.len() - 1], 5, "ends within its trailer");
    check("one byte more", &[&bytes[..], &[0]].concat(), 5, "something follows the trailer");
}

#[test]
fn nothing_is_made_where_something_is_and_no_node_with_another_key() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    log(&path("data"));
    let before = HERE.verify(&path("data"));
    done(&quittance("export", &path("file"), &path("data"), &[]));
    done(&quittance("backup", &path("backup"), &path("data"), &[]));
    fs::create_dir(path("full")).expect("a directory");
    fs::write(path("full").join("letter"), "dear").expect("a file");
    let (stranger, _) = HERE.key(directory.path(), "stranger.key");
    let server = HERE.serve(&path("data"));
    for (what, from) in [("restore", "backup"), ("import", "file")] {
        let run = |to: &str, more: &[&std::ffi::OsStr]| quittance(what, &path(from), &path(to), more);
        refused(&run("data", &[]), 2, "is not empty");
        refused(&run("full", &[]), 2, "is not empty");
        refused(&run("file", &[]), 2, "file: ");
        let key = ["--key".as_ref(), stranger.as_os_str()];
        refused(&run("copy", &key), 2, "the log is of node");
        assert!(!path("copy").exists(), "{what}: another node's key was put beside the log");
    }
    refused(&quittance("restore", &path("full"), &path("copy"), &[]), 2, "is not a backup");
    refused(&quittance("backup", &path("full"), &path("data"), &[]), 2, "is not a backup");
    refused(&quittance("backup", &path("data"), &path("data"), &[]), 2, "is not a backup");
    refused(&quittance("backup", &path("new"), &path("nowhere"), &[]), 2, "there is no log here");
    assert!(!path("new").exists(), "a backup of nothing was begun");
    server.stop();
    assert_eq!(HERE.verify(&path("data")), before);
    // Another node's log does not go into this one's backup.
    HERE.serve(&path("other")).stop();
    refused(&quittance("backup", &path("backup"), &path("other"), &[]), 2, "holds the log of node");
}

#[cfg(unix)]
#[test]
fn the_secret_key_is_in_a_backup_only_when_it_is_asked_for() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    log(&path("data"));
    assert_eq!(quittance("backup", &path("backup"), &path("data"), &[]).json()["key"], false);
    let secret = fs::read_to_string(path("data").join("node.key")).expect("the key");
    let secret: serde_json::Value = serde_json::from_str(&secret).expect("a JSON object");
    let secret = quittance_tests::process::text(&secret["secret_key"]);
    let holds = |needle: &str| {
        fs::read_dir(path("backup")).expect("a directory").flatten().any(|entry| {
            let bytes = fs::read(entry.path()).expect("a file");
            bytes.windows(needle.len()).any(|part| part == needle.as_bytes())
        })
    };
    assert!(!holds(&secret), "the secret is in the backup though nobody asked for it");
    for _ in 0..2 {
        let said = quittance("backup", &path("backup"), &path("data"), &["--with-key".as_ref()]).json();
        assert_eq!(said["key"], true);
    }
    assert!(holds(&secret));
    let mode = fs::metadata(path("backup").join("node.key")).expect("the key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others can read the key");
    assert_eq!(quittance("restore", &path("backup"), &path("copy"), &[]).json()["key"], true);
    HERE.serve(&path("copy")).stop();
}
