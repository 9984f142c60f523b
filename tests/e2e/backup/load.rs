use quittance_tests::till::Till;

use crate::{Busy, HERE, quittance, sums};

/// Rounds of a backup while payments come in.
const ROUNDS: usize = 4;
/// What the customer whose payments must not be lost buys in each round.
const STEPS: usize = 12;

/// Lost if this fails: a payment that was acknowledged before the backup is not in the node that was restored from it.
#[test]
fn what_was_acknowledged_before_a_backup_is_there_after_a_restore() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data, backup) = (directory.path().join("data"), directory.path().join("backup"));
    let server = HERE.serve(&data);
    let address = server.address().to_owned();
    let busy: Vec<_> = (1..=2).map(|number| Busy::till(number, &address)).collect();
    let mut customer = Till::new(0);
    let (mut last, mut bytes) = (0, 0);
    for round in 0..ROUNDS {
        (0..STEPS).for_each(|_| customer.step(&address).expect("a node that is up answers"));
        let said = quittance("backup", &backup, &data, &[]).json();
        let (reached, new) = (said["last_position"].as_u64(), said["new_records"].as_u64());
        let (reached, new) = (reached.expect("a position"), new.expect("a number"));
        assert_eq!(new, reached - last, "round {round} took what it had: {said}");
        assert!(reached >= customer.last_position() && new >= STEPS as u64, "round {round}: {said}");
        let now = std::fs::metadata(backup.join("frames")).expect("the frames").len();
        assert!(now > bytes, "round {round}: the file of frames was not appended to");
        (last, bytes) = (reached, now);
    }
    // The machine burns, with more in its log than the backup has.
    let bought: usize = busy.into_iter().map(|till| till.stop().payments()).sum();
    assert!(bought > 0, "nothing happened beside the backup");
    customer.check(&address, 0).expect("a node that is up answers");
    server.kill();

    let copy = directory.path().join("restored/data");
    let key = data.join("node.key");
    let said = quittance("restore", &backup, &copy, &["--key".as_ref(), key.as_ref()]).json();
    assert_eq!((&said["key"], said["last_position"].as_u64()), (&true.into(), Some(last)));
    assert_eq!(sums(&said), sums(&HERE.verify(&copy)), "the restored log is not the backup's");
    // The same log, up to where the backup came.
    let (before, after) = (HERE.dump(&data), HERE.dump(&copy));
    let upto = usize::try_from(last).expect("a position that fits");
    assert!(before.len() >= upto && before[..upto] == after[..], "the restored records are other ones");

    let restored = HERE.serve(&copy);
    customer.check(restored.address(), 0).expect("a node that is up answers");
    customer.step(restored.address()).expect("the restored node takes payments");
    restored.stop();
}

/// Lost if this fails: the node that was restored can never be backed up where the one before it was.
#[test]
fn a_restored_node_goes_on_in_the_same_backup() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data, backup) = (directory.path().join("data"), directory.path().join("backup"));
    let server = HERE.serve(&data);
    let mut till = Till::new(0);
    (0..6).for_each(|_| till.step(server.address()).expect("a node that is up answers"));
    let running = quittance("backup", &backup, &data, &["--with-key".as_ref()]).json();
    server.stop();
    let stopped = quittance("backup", &backup, &data, &[]).json();
    assert_eq!(
        stopped["new_records"].as_u64(),
        stopped["last_position"]
            .as_u64()
            .zip(running["last_position"].as_u64())
            .map(|(now, then)| now - then)
    );
    assert_eq!(sums(&stopped), sums(&HERE.verify(&data)));

    let copy = directory.path().join("copy");
    let said = quittance("restore", &backup, &copy, &[]).json();
    assert_eq!((sums(&said), &said["key"]), (sums(&stopped), &true.into()), "the key was in the backup");
    let server = HERE.serve(&copy);
    (0..6).for_each(|_| till.step(server.address()).expect("a node that is up answers"));
    let went_on = quittance("backup", &backup, &copy, &[]).json();
    server.stop();
    assert!(went_on["new_records"].as_u64() >= Some(6), "{went_on}");
    // The old node did not go on: its log is shorter now, and must not be mixed in.
    let ran = quittance("backup", &backup, &data, &[]);
    crate::refused(&ran, 2, "has another history there");
    let kept = quittance("backup", &backup, &copy, &[]).json();
    assert!(kept["last_position"].as_u64() >= went_on["last_position"].as_u64(), "{kept}");
}
