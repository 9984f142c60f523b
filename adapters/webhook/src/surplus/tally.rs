use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use quittance_core::ids::{IntentId, Position};
use quittance_outbound::Outbound;

/// Who has how much waiting: by site, and within one by what it has in front of that. A site is the last two labels of a name, so
/// a suffix that many share counts as one, and who has little under it must not pay for who has much.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    sites: BTreeMap<Box<str>, Below>,
}

/// What waits for one site, by what it has in front.
type Below = BTreeMap<Box<str>, Vec<(Position, IntentId)>>;

/// What one site has to give up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) site: Box<str>,
    /// How many it has waiting.
    pub(crate) waiting: usize,
    /// Those that wait for the longest, and where in the log they were ordered.
    pub(crate) oldest: Vec<(Position, IntentId)>,
}

impl Tally {
    pub(crate) fn add(&mut self, host: &str, ordered: Position, intent: IntentId) {
        let site = Outbound::site(host);
        let below = host.rmatch_indices('.').nth(2).map_or(0, |(dot, _)| dot + 1);
        let below = host.get(below..).unwrap_or(host);
        let of_site = self.sites.entry(site.into()).or_default();
        of_site.entry(below.into()).or_default().push((ordered, intent));
    }

    /// All but `left` of them: one by one of the site that has most, and there of the one below it that has most, oldest first.
    pub(crate) fn shares(mut self, left: usize) -> Vec<Share> {
        // One that failed again while all were looked through was seen again.
        for deliveries in self.sites.values_mut().flat_map(BTreeMap::values_mut) {
            deliveries.sort_unstable();
            deliveries.dedup();
        }
        let counts: Vec<usize> = self.sites.values().map(|site| site.values().map(Vec::len).sum()).collect();
        let given = level(&counts, counts.iter().sum::<usize>().saturating_sub(left));
        let mut shares = Vec::new();
        for (((site, below), waiting), given) in self.sites.into_iter().zip(counts).zip(given) {
            if given == 0 {
                continue;
            }
            let counts: Vec<_> = below.values().map(Vec::len).collect();
            let mut oldest = Vec::with_capacity(given);
            for (deliveries, given) in below.into_values().zip(level(&counts, given)) {
                oldest.extend(deliveries.into_iter().take(given));
            }
            shares.push(Share { site, waiting, oldest });
        }
        shares
    }
}

/// How much each gives when `surplus` is taken one by one from whoever has most, the first of equals.
fn level(counts: &[usize], surplus: usize) -> Vec<usize> {
    let mut given = vec![0; counts.len()];
    let mut most: BinaryHeap<_> = counts.iter().zip(0..).map(|(count, at)| (*count, Reverse(at))).collect();
    for _ in 0..surplus {
        let Some((count @ 1.., Reverse(at))) = most.pop() else { break };
        if let Some(given) = given.get_mut::<usize>(at) {
            *given += 1;
        }
        most.push((count - 1, Reverse(at)));
    }
    given
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn intent(n: u32) -> IntentId {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&n.to_be_bytes());
        IntentId(id)
    }

    /// How many of each host are given up, and which in the log.
    fn given(hosts: &[(&str, u32)], left: usize) -> BTreeMap<String, Vec<u64>> {
        let mut tally = Tally::default();
        let (mut names, mut at) = (BTreeMap::new(), 0);
        for (host, count) in hosts {
            for _ in 0..*count {
                at += 1;
                // Not in the order of their names.
                let id = intent(u32::MAX - at);
                names.insert(id, (*host).to_owned());
                tally.add(host, Position(at.into()), id);
                tally.add(host, Position(at.into()), id);
            }
        }
        let mut given: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (ordered, id) in tally.shares(left).into_iter().flat_map(|share| share.oldest) {
            given.entry(names[&id].clone()).or_default().push(ordered.0);
        }
        given
    }

    fn check(hosts: &[(&str, u32)], surplus: usize, want: &[(&str, &[u64])]) {
        let want: BTreeMap<_, _> = want.iter().map(|(host, at)| ((*host).to_owned(), at.to_vec())).collect();
        let all: usize = hosts.iter().map(|(_, count)| *count as usize).sum();
        assert_eq!(given(hosts, all.saturating_sub(surplus)), want, "{hosts:?}, {surplus} too many");
    }

    /// A shop with few waiting loses none of them for a stranger's dead host, whatever that one's names are.
    #[test]
    fn who_has_most_waiting_gives_it_up_and_the_oldest_first() {
        check(&[("shop.example", 3), ("dead.invalid", 6)], 3, &[("dead.invalid", &[4, 5, 6])]);
        check(
            &[("shop.example", 3), ("dead.invalid", 6)],
            5,
            &[("dead.invalid", &[4, 5, 6, 7]), ("shop.example", &[1])],
        );
        let dead = [("shop.example", 3), ("a.dead.invalid", 3), ("b.dead.invalid", 1), ("dead.invalid", 1)];
        check(&dead, 2, &[("a.dead.invalid", &[4, 5])]);
        check(
            &[("shop.co.example", 3), ("r1.evil.co.example", 2), ("r2.evil.co.example", 2)],
            1,
            &[("r1.evil.co.example", &[4])],
        );
        check(&[("shop.example", 1)], 7, &[("shop.example", &[1])]);
        check(&[("shop.example", 1)], 0, &[]);
        check(&[], 3, &[]);
    }

    proptest! {
        /// Nobody is left with more than those who gave, and nobody gives for one who has more.
        #[test]
        fn as_many_as_are_too_many_are_given_and_by_nobody_who_has_less(
            counts in proptest::collection::vec(0..40_usize, 0..20),
            surplus in 0..400_usize,
        ) {
            let given = level(&counts, surplus);
            prop_assert_eq!(given.iter().sum::<usize>(), surplus.min(counts.iter().sum()));
            let left: Vec<_> = counts.iter().zip(&given).map(|(count, given)| count - given).collect();
            let most = left.iter().copied().max().unwrap_or(0);
            for (given, left) in given.iter().zip(&left) {
                prop_assert!(*given == 0 || left + 1 >= most, "{:?} gave {:?}", counts, given);
            }
        }
    }
}
