use proptest::prelude::*;

use super::*;

fn intent(n: u32) -> IntentId {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&n.to_be_bytes());
    IntentId(id)
}

fn site(host: &str) -> &str {
    host.rmatch_indices('.').nth(1).map_or(host, |(dot, _)| &host[dot + 1..])
}

fn add(backlog: &mut Backlog, n: u32, host: &str) -> bool {
    backlog.add(intent(n), host, site(host))
}

fn begin(backlog: &mut Backlog) -> Vec<Begun> {
    std::iter::from_fn(|| backlog.begin()).collect()
}

/// Makes a host one that answers.
fn answers(backlog: &mut Backlog, n: u32, host: &str) {
    assert!(add(backlog, n, host));
    for begun in begin(backlog) {
        backlog.end(&begun, Some(true));
    }
}

/// A healthy merchant waits for nobody if 100 dead ones, each with much to deliver, cannot take all places.
#[test]
fn a_hundred_dead_hosts_leave_places_for_a_living_one() {
    let mut backlog = Backlog::new(250);
    for n in 0..5_000 {
        add(&mut backlog, n, &format!("dead-{}.example", n % 100));
    }
    assert_eq!(begin(&mut backlog).len(), 100 * SMALLEST_SHARE);
    assert!(add(&mut backlog, 10_000, "shop.example"));
    assert_eq!(backlog.begin().map(|begun| begun.intent), Some(intent(10_000)));
}

#[test]
fn a_host_that_answers_gets_more_at_a_time_and_one_that_does_not_gets_one() {
    let mut backlog = Backlog::new(250);
    for n in 0..60 {
        assert!(add(&mut backlog, n, "shop.example"));
    }
    let mut running: VecDeque<_> = begin(&mut backlog).into();
    for _ in 0..40 {
        backlog.end(&running.pop_front().unwrap(), Some(true));
        running.extend(begin(&mut backlog));
    }
    assert_eq!(running.len(), LARGEST_SHARE);
    while let Some(begun) = running.pop_front() {
        backlog.end(&begun, Some(false));
    }
    assert_eq!(begin(&mut backlog).len(), SMALLEST_SHARE);
}

/// A black hole with fifty thousand deliveries would fill everything if it were let: what is paid afterwards would not be told.
#[test]
fn one_dead_host_takes_little_room_and_is_filled_up_again_when_there_is_some() {
    let mut backlog = Backlog::new(250);
    let held = (0..50_000).filter(|n| add(&mut backlog, *n, "dead.example")).count();
    assert_eq!(held, HOST_WAITS.others);
    assert!(add(&mut backlog, 60_000, "shop.example"));
    assert!(!backlog.take_room());
    for _ in 0..held / 2 {
        for begun in begin(&mut backlog) {
            backlog.end(&begun, Some(false));
        }
    }
    assert!(backlog.take_room(), "those that were turned away are never looked for");
    assert!(add(&mut backlog, 49_999, "dead.example"));
}

#[test]
fn a_domain_with_a_wildcard_is_one_stranger_among_others() {
    let mut backlog = Backlog::new(250);
    let held = (0..50_000).filter(|n| add(&mut backlog, *n, &format!("r{n}.evil.example"))).count();
    assert_eq!(held, SITE_WAITS.others);
    let running = begin(&mut backlog);
    assert_eq!(running.len(), SITE_SHARE.others);
    assert!(add(&mut backlog, 60_000, "shop.example"));
    assert_eq!(backlog.begin().map(|begun| begun.intent), Some(intent(60_000)), "it waits for a stranger");
    // Beside a shop on the same domain that answers, as on a platform with many.
    let mut backlog = Backlog::new(250);
    answers(&mut backlog, 60_000, "shop.platform.example");
    for n in 0..10_000 {
        add(&mut backlog, n, &format!("r{n}.platform.example"));
    }
    begin(&mut backlog);
    assert!(add(&mut backlog, 60_001, "shop.platform.example"));
    assert_eq!(backlog.begin().map(|begun| begun.intent), Some(intent(60_001)));
}

#[test]
fn any_number_of_dead_domains_leave_places_and_room_for_hosts_that_answer_and_the_other_way_round() {
    let mut backlog = Backlog::new(250);
    answers(&mut backlog, 90_000, "shop.example");
    let held = (0..80_000).filter(|n| add(&mut backlog, *n, &format!("www.evil-{n}.example"))).count();
    assert_eq!(held, ALL_WAIT.others);
    assert_eq!(begin(&mut backlog).len(), 200);
    assert!(add(&mut backlog, 90_001, "shop.example"));
    assert_eq!(backlog.begin().map(|begun| begun.intent), Some(intent(90_001)));

    let mut backlog = Backlog::new(250);
    for n in 0..100 {
        answers(&mut backlog, n, &format!("slow-{n}.example"));
    }
    for n in 100..10_000 {
        add(&mut backlog, n, &format!("slow-{}.example", n % 100));
    }
    assert_eq!(begin(&mut backlog).len(), 200);
    assert!(add(&mut backlog, 90_000, "new.example"));
    assert_eq!(backlog.begin().map(|begun| begun.intent), Some(intent(90_000)));
}

#[test]
fn a_host_that_answered_is_remembered_whatever_strangers_do() {
    let mut backlog = Backlog::new(250);
    answers(&mut backlog, 90_000, "shop.example");
    for n in 0..30_000 {
        assert!(add(&mut backlog, n, &format!("www.dead-{n}.example")));
        for begun in begin(&mut backlog) {
            backlog.end(&begun, Some(false));
        }
        answers(&mut backlog, n, &format!("r{n}.evil.example"));
    }
    assert_eq!(backlog.hosts["shop.example"].standing, Standing::Answering);
    assert_eq!((backlog.hosts.len(), backlog.sites.len()), (SITE_REMEMBERED + 1, 2));
    for n in 0..30_000 {
        answers(&mut backlog, n, &format!("shop-{n}.example"));
        assert!(backlog.hosts.len() <= MAX_REMEMBERED && backlog.sites.len() <= MAX_REMEMBERED);
    }
}

proptest! {
    /// A delivery that is lost here waits until the next start; one that is begun twice is sent twice.
    #[test]
    fn every_delivery_is_begun_once_and_never_more_at_a_time_than_there_are_places(
        places in 1..6_usize,
        steps in proptest::collection::vec((0..200_u32, 0..8_u8, 0..4_u8), 0..300),
    ) {
        let mut backlog = Backlog::new(places);
        let (mut running, mut added, mut begun) = (VecDeque::new(), BTreeSet::new(), Vec::new());
        for (n, host, what) in steps {
            if what < 3 {
                if added.insert(n) {
                    let host = format!("{host}.{}.example", host % 3);
                    prop_assert!(add(&mut backlog, n, &host));
                }
            } else if let Some(one) = running.pop_front() {
                backlog.end(&one, [Some(true), Some(false), None][n as usize % 3]);
            }
            while let Some(next) = backlog.begin() {
                begun.push(next.intent);
                running.push_back(next);
            }
            prop_assert!(running.len() <= places);
        }
        while let Some(one) = running.pop_front() {
            backlog.end(&one, None);
            while let Some(next) = backlog.begin() {
                begun.push(next.intent);
                running.push_back(next);
            }
        }
        begun.sort_unstable();
        prop_assert_eq!(begun, added.into_iter().map(intent).collect::<Vec<_>>());
        prop_assert!(backlog.known.is_empty() && backlog.running == 0);
    }
}
