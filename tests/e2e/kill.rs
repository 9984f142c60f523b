//! A node that is killed again and again, between payments and in the middle of them. Whoever got an answer keeps what the
//! answer said; whoever got none asks again and pays once.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use quittance_tests::here;
use quittance_tests::process::Here;
use quittance_tests::till::Till;

const HERE: Here = here!();
const ROUNDS: u64 = 50;
const TILLS: u64 = 3;
/// The longest that a node lives before it is killed.
const MAX_LIFE: Duration = Duration::from_millis(250);
/// How long scheduled payments may take to be settled once nobody kills the node.
const SETTLED: Duration = Duration::from_secs(30);

#[test]
fn what_was_acknowledged_survives_fifty_kills() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let mut tills: Vec<Till> = (0..TILLS).map(Till::new).collect();
    let mut moments = Moments(1);
    for round in 0..ROUNDS {
        let server = HERE.serve(&data);
        let address = server.address().to_owned();
        let known: Vec<usize> = tills.iter().map(Till::payments).collect();
        // What was in doubt when the node died is asked again, and happens once.
        for till in &mut tills {
            till.finish(&address).expect("a node that is up answers");
        }
        for (till, known) in tills.iter().zip(known) {
            till.check(&address, known.saturating_sub(1)).expect("a node that is up answers");
        }
        let workers: Vec<_> = tills
            .into_iter()
            .map(|mut till| {
                let address = address.clone();
                thread::spawn(move || {
                    while till.step(&address).is_ok() {}
                    till
                })
            })
            .collect();
        thread::sleep(moments.next(MAX_LIFE));
        server.kill();
        tills =
            workers.into_iter().map(|worker| worker.join().expect("a till finds nothing wrong")).collect();
        if round % 5 == 4 {
            HERE.serve_and_kill(&data, moments.next(Duration::from_millis(100)));
        }
        let verified = HERE.verify(&data);
        let acknowledged = tills.iter().map(Till::last_position).max();
        let last = verified["last_position"].as_u64();
        assert!(
            acknowledged <= last,
            "round {round}: acknowledged {acknowledged:?}, the log ends at {last:?}"
        );
    }
    settle(&data, &mut tills);
    let records = HERE.dump(&data);
    tills.iter().for_each(|till| till.check_positions(&records));
    assert!(tills.iter().map(Till::payments).sum::<usize>() > 100, "too few payments to mean anything");
    restart_changes_nothing(&data);
}

/// Lets a node finish everything, and checks all that was ever acknowledged.
fn settle(data: &Path, tills: &mut [Till]) {
    let server = HERE.serve(data);
    let address = server.address().to_owned();
    let deadline = Instant::now() + SETTLED;
    for till in tills {
        till.finish(&address).expect("a node that is up answers");
        till.check(&address, 0).expect("a node that is up answers");
        while !till.is_settled(&address).expect("a node that is up answers") {
            assert!(Instant::now() < deadline, "a scheduled payment is never settled");
            thread::sleep(Duration::from_millis(20));
        }
    }
    server.stop();
}

/// A node that nobody asks anything leaves the log as it was.
fn restart_changes_nothing(data: &Path) {
    let before = HERE.verify(data);
    assert_eq!(HERE.verify(data), before, "the same log gives another digest the second time");
    HERE.serve(data).stop();
    assert_eq!(HERE.verify(data), before, "a restart changed the log though nobody asked anything");
    HERE.serve(data).kill();
    assert_eq!(HERE.verify(data), before, "a killed restart changed the log though nobody asked anything");
}

/// Moments that differ from round to round and are the same in every run (Knuth's generator).
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: Duration) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        below.mul_f64((self.0 >> 40) as f64 / f64::from(1 << 24))
    }
}
