use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::{HERE, done, quittance, refused, sums};

/// Longer than a node waits for a request, shorter than a test may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn connect(data: &Path) -> UnixStream {
    let stream = UnixStream::connect(data.join("operator.sock")).expect("the node's channel");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

fn request(version: u16, what: u8, from: u64) -> Vec<u8> {
    [&b"QTOP"[..], &version.to_le_bytes(), &[what], &from.to_le_bytes()].concat()
}

/// Everything the node says to `bytes`, until it closes.
fn say(data: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(data);
    // A node that refuses does not read what else comes: whatever fails then, its words are there before.
    let sent = stream.write_all(bytes);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    assert!(!answer.is_empty(), "no answer: {sent:?}, {read:?}");
    answer
}

#[test]
fn the_channel_is_the_nodes_own_and_goes_with_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let socket = data.join("operator.sock");
    let server = HERE.serve(&data);
    let found = fs::symlink_metadata(&socket).expect("a socket");
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600, "others can read every payment");
    server.stop();
    assert!(!socket.exists(), "a node that stopped left its socket");
    // One that was killed leaves it, and nobody takes it for a node.
    HERE.serve(&data).kill();
    assert!(socket.exists());
    let stale = quittance("backup", &directory.path().join("backup"), &data, &[]).json();
    assert_eq!(sums(&stale), sums(&HERE.verify(&data)));
    let server = HERE.serve(&data);
    done(&quittance("backup", &directory.path().join("backup"), &data, &[]));
    server.stop();
    // What is no socket is somebody's file.
    fs::write(&socket, "dear").expect("a file");
    let server = HERE.serve(&data);
    assert!(server.log().contains("is no socket"), "{}", server.log());
    refused(&quittance("backup", &directory.path().join("backup"), &data, &[]), 4, "does not answer there");
    server.stop();
    assert_eq!(fs::read(&socket).expect("the file"), b"dear");
}

/// Lost if this fails: a node in a deep directory takes no payments, or nobody learns that it cannot be backed up.
#[test]
fn a_node_whose_path_is_too_long_for_a_socket_serves_and_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("d".repeat(120));
    let server = HERE.serve(&data);
    assert!(server.log().contains("too long for a socket"), "{}", server.log());
    let answer = quittance_tests::http::get(server.address(), "/v1/node").expect("a node");
    assert!(answer.is_success());
    let backup = directory.path().join("backup");
    refused(&quittance("backup", &backup, &data, &[]), 4, "does not answer there");
    server.stop();
    done(&quittance("backup", &backup, &data, &[]));
}

/// Lost if this fails: whoever can reach the channel stops the payments, or keeps every backup out.
#[test]
fn whatever_comes_through_the_channel_is_answered_or_dropped() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let mut server = HERE.serve(&data);
    for (what, bytes, said) in [
        ("HTTP", &b"GET / HTTP/1.1\r\nhost: node\r\n\r\n"[..], "no request to a node"),
        ("another version", &request(9, 1, 1), "version 9"),
        ("another request", &request(1, 7, 1), "request 7 is unknown"),
        ("noise", &[0xff; 5000], "no request to a node"),
    ] {
        let answer = say(&data, bytes);
        assert_eq!(answer.first(), Some(&1), "{what}");
        assert!(
            String::from_utf8_lossy(&answer).contains(said),
            "{what}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
    // Behind the end and at the beginning of time there is an answer too: header, end.
    for (from, frames) in [(u64::MAX, false), (3, false), (0, true), (2, true)] {
        let answer = say(&data, &request(1, 1, from));
        assert_eq!((answer[0], answer[33..41].to_vec()), (0, 2_u64.to_le_bytes().to_vec()), "from {from}");
        assert_eq!(answer.len() > 45, frames, "from {from}");
        assert!(answer.ends_with(&[0; 4]), "from {from}: the end is missing");
    }
    let silent: Vec<_> = (0..4).map(|_| connect(&data)).collect();
    let full = say(&data, &request(1, 1, 1));
    assert!(String::from_utf8_lossy(&full).contains("try again in a moment"), "a fifth was let in");
    refused(&quittance("backup", &directory.path().join("backup"), &data, &[]), 4, "try again in a moment");
    // Whoever says nothing loses its place.
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0; 1]).expect("the node closes"), 0);
    }
    done(&quittance("backup", &directory.path().join("backup"), &data, &[]));
    let _silent = connect(&data);
    assert!(server.is_up());
    server.stop();
}
