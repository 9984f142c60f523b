use proptest::prelude::*;

use super::*;
use crate::clock::ManualClock;

const NOON: Timestamp = Timestamp(1_795_348_800_000_000);
const HOUR: i64 = 3_600;
const YEAR: i64 = 365 * 24 * HOUR;

fn moved(at: Timestamp, seconds: i64) -> Timestamp {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { at.saturating_sub(by) } else { at.saturating_add(by) }
}

/// Starts on a log whose last record is `last` seconds from now. Then, in each step, some seconds pass, the clock is wrong by some,
/// and the time that is given must be wrong by so many.
fn check(what: &str, last: i64, steps: &[(u64, i64, i64)]) {
    let clock = ManualClock::new(NOON);
    let time = Timekeeper::start(Arc::new(clock.clone()), moved(NOON, last), true).expect("accepted");
    let mut right = NOON;
    for (step, (passed, wrong, expected)) in steps.iter().enumerate() {
        let passed = Duration::from_secs(*passed);
        right = right.saturating_add(passed);
        clock.advance(passed);
        clock.set(moved(right, *wrong));
        assert_eq!(time.now(), moved(right, *expected), "{what}: step {step}");
    }
}

#[test]
fn a_clock_is_followed_as_far_as_it_can_be_believed() {
    check("it agrees", -HOUR, &[(10, 0, 0), (0, 0, 0), (HOUR as u64, 0, 0)]);
    check("it is corrected by a little", 0, &[(10, 60, 60), (10, 60, 60)]);
    check("it is wrong once", 0, &[(10, YEAR, 0), (1, 0, 0), (3_600, 0, 0)]);
    check("it is wrong by an hour for most of a minute", 0, &[(1, HOUR, 0), (59, HOUR, 0), (1, 0, 0)]);
    check("it is wrong by a year for most of an hour", 0, &[(1, YEAR, 0), (3_599, YEAR, 0), (1, 0, 0)]);
    check("the machine was paused", 0, &[(1, 8 * HOUR, 0), (59, 8 * HOUR, 0), (1, 8 * HOUR, 8 * HOUR)]);
    check("it was paused twice", 0, &[(1, 100, 0), (50, 200, 0), (59, 200, 0), (1, 200, 200)]);
    check("for a year", 0, &[(1, YEAR, 0), (3_599, YEAR, 0), (1, YEAR, YEAR), (9, YEAR, YEAR)]);
    let to_and_fro = [(1, HOUR, 0), (50, HOUR, 0), (1, 0, 0), (10, HOUR, 0), (59, HOUR, 0), (1, HOUR, HOUR)];
    check("it jumps to and fro", 0, &to_and_fro);
    check("it drifts where it jumped to", 0, &[(1, 100, 0), (30, 101, 0), (30, 102, 102)]);
}

/// Lost if this fails: deadlines, retries and prices stand still until the clock has come after.
#[test]
fn a_clock_that_was_set_back_is_waited_for_without_standing_still() {
    check("by a little", 0, &[(8, -1, -1), (8, -1, -1)]);
    check("by more", 0, &[(8, -80, -1), (80, -80, -11), (552, -80, -80), (8, -80, -80)]);
    check("the log is ahead", 100, &[(0, 0, 100), (8, 0, 99), (792, 0, 0), (8, 0, 0)]);
    check("the log is far ahead", YEAR, &[(8, 0, YEAR - 1), (8_000, 0, YEAR - 1_001)]);
    check("a year was believed", 0, &[(1, YEAR, 0), (3_600, YEAR, YEAR), (8, 0, YEAR - 1), (8, 0, YEAR - 2)]);
}

#[test]
fn no_part_of_time_is_lost_to_whoever_asks_all_the_time() {
    let start = since_1970(NOON);
    let mut kept = Kept {
        time: start,
        steady: Duration::ZERO,
        standing: Standing::Agrees,
        warned: None,
        unresolved: false,
    };
    for reading in 1..=100_000 {
        kept.read(start - Duration::from_secs(500), Duration::from_nanos(80 * reading));
    }
    assert_eq!(kept.time, start + Duration::from_millis(7), "seven eighths of 8 ms have passed");
}

/// Lost if this fails: a node whose clock is wrong fills its log with times that no later record may be before, or an operator whose
/// log is ahead cannot start at all.
#[test]
fn a_log_that_is_more_than_a_day_ahead_is_gone_on_with_only_when_told_to() {
    for (last, accept, starts) in [
        (24 * HOUR, false, true),
        (24 * HOUR + 1, false, false),
        (24 * HOUR + 1, true, true),
        (-YEAR, false, true),
    ] {
        let (clock, last) = (Arc::new(ManualClock::new(NOON)), moved(NOON, last));
        match Timekeeper::start(clock, last, accept) {
            Ok(time) => {
                assert!(starts, "{last:?}");
                assert_eq!(time.now(), last.max(NOON));
            }
            Err(error) => {
                assert!(!starts, "{last:?}: {error}");
                assert!(error.to_string().contains("86401 s"), "{error}");
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_the_clock_does_time_moves_on_and_no_further_than_the_clock_showed(
        readings in proptest::collection::vec(
            (0_u64..2_000_000_000, proptest::sample::select(vec![0, 30, -30, 90, 7_200, -7_200, YEAR, -YEAR])),
            1..100,
        )
    ) {
        let clock = ManualClock::new(NOON);
        let time = Timekeeper::start(Arc::new(clock.clone()), NOON, false).unwrap();
        let (mut right, mut before, mut furthest) = (NOON, NOON, NOON);
        for (passed, wrong) in readings {
            let passed = Duration::from_micros(passed);
            right = right.saturating_add(passed);
            let shown = moved(right, wrong);
            clock.advance(passed);
            clock.set(shown);
            furthest = furthest.saturating_add(passed).max(shown);
            let now = time.now();
            let least = before.saturating_add(passed - passed / SLOWER);
            // What is given out is cut to microseconds.
            prop_assert!(now.0 + 1 >= least.0, "{now:?} after {before:?} and {passed:?}");
            prop_assert!(now <= furthest, "{now:?}, though the clock never showed more than {furthest:?}");
            before = now;
        }
    }
}
