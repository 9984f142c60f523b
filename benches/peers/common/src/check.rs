use std::collections::{HashMap, HashSet};

use crate::event::{Event, Stream};
use crate::store::Read;
use crate::workload::Tally;

/// What is wrong with a store's events, in numbers; all zero when nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Events read back.
    pub(crate) read: u64,
    /// Acknowledged, but not there, or another event in their place.
    pub(crate) lost: u64,
    /// Not next in their stream.
    pub(crate) reordered: u64,
    /// There a second time.
    pub(crate) duplicated: u64,
    /// Not the bytes of any event.
    pub(crate) damaged: u64,
    /// There, though never acknowledged, and not asked for by a command that ended in an error.
    pub(crate) unacknowledged: u64,
}

impl Findings {
    pub(crate) fn correct(&self) -> bool {
        Self { read: self.read, ..Self::default() } == *self
    }
}

/// Compares what is read back with what was acknowledged.
#[derive(Debug)]
pub(crate) struct Check {
    missing: HashMap<(Stream, u32), (u32, u32)>,
    unknown: HashSet<(u32, u32)>,
    next: HashMap<Stream, u32>,
    findings: Findings,
}

impl Check {
    pub(crate) fn new(tally: &Tally) -> Self {
        let mut findings = Findings::default();
        let mut missing = HashMap::with_capacity(tally.acknowledged.len());
        for event in &tally.acknowledged {
            let Event { stream, revision, writer, serial } = *event;
            if missing.insert((stream, revision), (writer, serial)).is_some() {
                // Two were told that they are at the same place; at most one can be.
                findings.lost += 1;
            }
        }
        let unknown = tally.unknown.iter().copied().collect();
        Self { missing, unknown, next: HashMap::new(), findings }
    }

    /// Takes in the next event in the store's order.
    pub(crate) fn read(&mut self, read: Read<'_>) {
        self.findings.read += 1;
        let Ok(event) = Event::parse(read.text) else {
            self.findings.damaged += 1;
            return;
        };
        let Event { stream, revision, writer, serial } = event;
        if (stream, revision) != (read.stream, read.revision) {
            self.findings.reordered += 1;
            return;
        }
        let next = self.next.entry(stream).or_default();
        if revision < *next && !self.missing.contains_key(&(stream, revision)) {
            self.findings.duplicated += 1;
            return;
        }
        if revision != *next {
            self.findings.reordered += 1;
        }
        *next = (*next).max(revision + 1);
        let acknowledged = self.missing.remove(&(stream, revision));
        if acknowledged != Some((writer, serial)) {
            self.findings.lost += u64::from(acknowledged.is_some());
            self.findings.unacknowledged += u64::from(!self.unknown.contains(&(writer, serial)));
        }
    }

    pub(crate) fn finish(mut self) -> Findings {
        self.findings.lost += self.missing.len() as u64;
        self.findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An acknowledged stream of three, written by 5 with serials 0, 1, 2; `reads` are revision, writer and serial.
    fn check(reads: &[(u32, u32, u32)], unknown: &[(u32, u32)], expected: Findings, why: &str) {
        let stream = Stream { slot: 1, generation: 0 };
        let event = |(revision, writer, serial)| Event { stream, revision, writer, serial };
        let acknowledged = [(0, 5, 0), (1, 5, 1), (2, 5, 2)].map(event).to_vec();
        let tally = Tally { acknowledged, unknown: unknown.to_vec(), ..Tally::default() };
        let mut check = Check::new(&tally);
        for &read in reads {
            let event = event(read);
            check.read(Read { stream, revision: event.revision, text: &event.text() });
        }
        let expected = Findings { read: reads.len() as u64, ..expected };
        assert_eq!(check.finish(), expected, "{why}: {reads:?}");
    }

    #[test]
    fn every_way_to_spoil_a_stream_is_found_or_a_store_that_loses_events_would_be_ranked() {
        let none = Findings::default();
        let whole = [(0, 5, 0), (1, 5, 1), (2, 5, 2)];
        check(&whole, &[], none, "nothing is wrong");
        check(&whole[..2], &[], Findings { lost: 1, ..none }, "the last is gone");
        check(&[whole[0], whole[2]], &[], Findings { lost: 1, reordered: 1, ..none }, "a hole");
        check(&[whole[0], whole[2], whole[1]], &[], Findings { reordered: 2, ..none }, "two swapped");
        check(
            &[whole[0], whole[1], whole[1], whole[2]],
            &[],
            Findings { duplicated: 1, ..none },
            "one twice",
        );
        let other = [whole[0], (1, 6, 9), whole[2]];
        check(&other, &[], Findings { lost: 1, unacknowledged: 1, ..none }, "another in its place");
        let more = [whole[0], whole[1], whole[2], (3, 6, 9)];
        check(&more, &[], Findings { unacknowledged: 1, ..none }, "a refused one was written");
        check(&more, &[(6, 9)], none, "one whose command ended in an error may be there");
        check(&[], &[], Findings { lost: 3, ..none }, "empty");
    }

    #[test]
    fn two_acknowledgements_for_one_place_and_bytes_of_another_place_are_found() {
        let stream = Stream { slot: 1, generation: 0 };
        let event = |writer| Event { stream, revision: 0, writer, serial: 0 };
        let tally = Tally { acknowledged: vec![event(1), event(2)], ..Tally::default() };
        let mut check = Check::new(&tally);
        check.read(Read { stream, revision: 0, text: &event(2).text() });
        assert_eq!(check.finish(), Findings { read: 1, lost: 1, ..Findings::default() });

        let tally = Tally { acknowledged: vec![event(1)], ..Tally::default() };
        for (revision, text, reordered, damaged) in
            [(1, event(1).text(), 1, 0), (0, event(1).text().replace(' ', "x"), 0, 1)]
        {
            let mut check = Check::new(&tally);
            check.read(Read { stream, revision, text: &text });
            let expected = Findings { read: 1, lost: 1, reordered, damaged, ..Findings::default() };
            assert_eq!(check.finish(), expected);
        }
    }
}
