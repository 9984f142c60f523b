use super::Name;

/// Bits for each key. With the eight probes below about one stranger in 2,000 passes, so that even twenty runs together send
/// only one new intent in a hundred to the store. At 10 million keys this is 20 MB.
const BITS_PER_KEY: usize = 16;
const PROBES: u32 = 8;
/// All probes of a key fall into one line of the processor's cache: 512 bits.
const LINE_WORDS: usize = 8;

/// A name as filters see it: hashed once, however many runs are asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashed(u64);

impl From<&Name> for Hashed {
    fn from(name: &Name) -> Self {
        // The keys are hashes or public keys, so a few multiplications spread them well enough, and what few bits a position has.
        // Whoever grinds keys that pass costs a read of one block with each.
        let (tag, bytes) = name.parts();
        let (words, _) = bytes.as_chunks::<8>();
        Self(words.iter().fold(u64::from(tag), |hash: u64, word| {
            (hash ^ u64::from_le_bytes(*word)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
        }))
    }
}

/// Tells at once of most keys that they are not in a run (a Bloom filter in blocks of one cache line).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    words: Vec<u64>,
}

impl Filter {
    /// A filter for up to `keys` keys.
    pub(crate) fn for_keys(keys: usize) -> Self {
        let lines = (keys * BITS_PER_KEY).div_ceil(LINE_WORDS * 64).max(1);
        Self { words: vec![0; lines * LINE_WORDS] }
    }

    pub(crate) fn insert(&mut self, name: Hashed) {
        let (line, mut bits) = self.place(name);
        for _ in 0..PROBES {
            let bit = next(&mut bits);
            if let Some(word) = self.words.get_mut(line + bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
    }

    /// Whether the key may be there; never false for one that is.
    pub(crate) fn may_contain(&self, name: Hashed) -> bool {
        let (line, mut bits) = self.place(name);
        (0..PROBES).all(|_| {
            let bit = next(&mut bits);
            self.words.get(line + bit / 64).is_some_and(|word| word & (1 << (bit % 64)) != 0)
        })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// `None` when the length is not one that a filter has.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let whole = rest.is_empty() && !words.is_empty() && words.len() % LINE_WORDS == 0;
        whole.then(|| Self { words: words.iter().map(|word| u64::from_le_bytes(*word)).collect() })
    }

    /// Where a key's line begins, and the bits that choose its probes.
    fn place(&self, Hashed(hash): Hashed) -> (usize, u64) {
        let lines = (self.words.len() / LINE_WORDS) as u128;
        let line = usize::try_from((u128::from(hash) * lines) >> 64).unwrap_or(0);
        (line * LINE_WORDS, hash.wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }
}

/// The next probe: one of the 512 bits of a line.
fn next(bits: &mut u64) -> usize {
    *bits = bits.rotate_left(9).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    usize::try_from(*bits >> 55).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use quittance_core::ids::{DepositKey, IntentId, Position, TransactionId};
    use quittance_core::state::Key;

    use super::*;

    /// Bytes that look random, as public keys do, and positions.
    fn name(number: u64) -> Name {
        let text = DepositKey::from_text(&number.to_string());
        match number % 7 {
            0 => Name::Last(Key::Deposit(text)),
            1 => Name::Last(Key::Withdrawal(TransactionId(text.0))),
            2 | 3 => Name::Before(Position(number)),
            _ => Name::Last(Key::Intent(IntentId(text.0))),
        }
    }

    #[test]
    fn no_key_is_missed_and_few_strangers_pass() {
        for keys in [0_u64, 1, 10, 1_000, 20_000] {
            let mut filter = Filter::for_keys(usize::try_from(keys).unwrap());
            (0..keys).for_each(|number| filter.insert((&name(number)).into()));
            let filter = Filter::from_bytes(&filter.to_bytes()).expect("its own bytes");
            let missed = (0..keys).filter(|number| !filter.may_contain((&name(*number)).into())).count();
            assert_eq!(missed, 0, "{keys} keys: an intent that has ended would be taken for new");
            let strangers =
                (keys..keys + 20_000).filter(|number| filter.may_contain((&name(*number)).into())).count();
            assert!(strangers < 40, "{keys} keys: {strangers} of 20,000 strangers pass");
        }
        assert_eq!(Filter::from_bytes(&[]), None);
        assert_eq!(Filter::from_bytes(&[0; 63]), None);
        assert_eq!(Filter::from_bytes(&[0; 72]), None);
    }
}
