use crate::key::PublicKey;
use crate::solana::transaction::DurableNonce;

/// A fixed number of nonces and where each is in its life (protocol f). There is no chain behind them: an account and its
/// values are hashes under a secret of this run, so no value is ever there twice, and a restart voids whatever was held.
#[derive(Debug)]
pub(super) struct Pool {
    salt: [u8; 32],
    slots: Vec<Slot>,
    /// Which are not reserved.
    free: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// How many values it had before this one.
    generation: u64,
    state: State,
}

/// Where a nonce is in its life. The protocol's fourth state, of an account that could not be made, has no cause here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The transaction that its value was for is final. It gets the next value before it is reserved again.
    Released,
    /// Its value is for no transaction.
    Available,
    /// Its value is for one transaction, or offered for one.
    Reserved,
}

/// A nonce out of the pool. Of another generation than its slot it is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    slot: usize,
    generation: u64,
}

impl Pool {
    pub(super) fn new(salt: [u8; 32], size: usize) -> Self {
        let slots = vec![Slot { generation: 0, state: State::Available }; size];
        Self { salt, slots, free: (0..size).collect() }
    }

    /// Reserves so many, or none at all. `choose` picks a number below its argument.
    pub(super) fn reserve<E>(
        &mut self,
        count: usize,
        mut choose: impl FnMut(usize) -> Result<usize, E>,
    ) -> Result<Option<Vec<Held>>, E> {
        if self.free.len() < count {
            return Ok(None);
        }
        // Chosen first, so that nothing is half done when there is no choosing.
        let left = (0..count).map(|taken| self.free.len() - taken);
        let chosen =
            left.map(|left| choose(left).map(|place| place % left)).collect::<Result<Vec<_>, _>>()?;
        let reserve = |place: usize| {
            let slot = self.free.swap_remove(place);
            let Slot { generation, state } = &mut self.slots[slot];
            if *state == State::Released {
                *generation += 1;
            }
            *state = State::Reserved;
            Held { slot, generation: *generation }
        };
        Ok(Some(chosen.into_iter().map(reserve).collect()))
    }

    /// It was not used: its value is as good as before.
    pub(super) fn give_back(&mut self, held: Held) {
        self.free(held, State::Available);
    }

    /// The transaction with its value is final.
    pub(super) fn release(&mut self, held: Held) {
        self.free(held, State::Released);
    }

    pub(super) fn nonce(&self, held: Held) -> DurableNonce {
        let Held { slot, generation } = held;
        let hash = |context: &str, number: u64| {
            let mut hasher = blake3::Hasher::new_derive_key(context);
            hasher.update(&self.salt).update(&(slot as u64).to_le_bytes()).update(&number.to_le_bytes());
            *hasher.finalize().as_bytes()
        };
        DurableNonce {
            account: PublicKey(hash("quittance 2026-11 nonce account v1", 0)),
            value: hash("quittance 2026-11 nonce value v1", generation),
        }
    }

    /// How many are not reserved.
    pub(super) fn left(&self) -> usize {
        self.free.len()
    }

    fn free(&mut self, held: Held, state: State) {
        let slot = &mut self.slots[held.slot];
        if (slot.state, slot.generation) == (State::Reserved, held.generation) {
            slot.state = state;
            self.free.push(held.slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Reserve(usize, usize),
        GiveBack(prop::sample::Index),
        Release(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_usize..5, any::<usize>()).prop_map(|(count, choice)| Step::Reserve(count, choice)),
            any::<prop::sample::Index>().prop_map(Step::GiveBack),
            any::<prop::sample::Index>().prop_map(Step::Release),
        ]
    }

    proptest! {
        #[test]
        fn a_value_is_never_in_two_hands_and_never_used_twice(
            size in 1_usize..6,
            steps in proptest::collection::vec(step(), 0..60),
        ) {
            let mut pool = Pool::new([3; 32], size);
            let mut out: Vec<Held> = Vec::new();
            let mut used = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Reserve(count, choice) => {
                        let choose = |left: usize| Ok::<_, Infallible>(choice % left);
                        match pool.reserve(count, choose) {
                            Ok(Some(held)) => {
                                prop_assert_eq!(held.len(), count);
                                out.extend(held);
                            }
                            Ok(None) => prop_assert!(out.len() + count > size),
                            Err(never) => match never {},
                        }
                    }
                    Step::GiveBack(index) if !out.is_empty() => {
                        let held = out.swap_remove(index.index(out.len()));
                        pool.give_back(held);
                    }
                    Step::Release(index) if !out.is_empty() => {
                        let held = out.swap_remove(index.index(out.len()));
                        prop_assert!(used.insert(pool.nonce(held).value));
                        pool.release(held);
                        // Said twice, or by one who held it before, it means nothing.
                        pool.release(held);
                        pool.give_back(held);
                    }
                    Step::GiveBack(_) | Step::Release(_) => {}
                }
                prop_assert_eq!(pool.left() + out.len(), size);
                let values: BTreeSet<_> = out.iter().map(|held| pool.nonce(*held).value).collect();
                prop_assert_eq!(values.len(), out.len());
                prop_assert!(values.is_disjoint(&used));
            }
        }
    }

    #[test]
    fn an_account_keeps_its_address_and_another_run_has_others() {
        let take = |pool: &mut Pool| match pool.reserve(1, |_| Ok::<_, Infallible>(0)) {
            Ok(Some(held)) => held[0],
            other => panic!("{other:?}"),
        };
        let mut pool = Pool::new([1; 32], 1);
        let first = take(&mut pool);
        let before = pool.nonce(first);
        pool.release(first);
        let second = take(&mut pool);
        let after = pool.nonce(second);
        assert_eq!(before.account, after.account);
        assert_ne!(before.value, after.value);
        let mut other = Pool::new([2; 32], 1);
        let elsewhere = take(&mut other);
        let elsewhere = other.nonce(elsewhere);
        assert!(elsewhere.account != before.account && elsewhere.value != before.value);
    }

    #[test]
    fn nothing_is_reserved_when_there_is_no_choosing() {
        let mut pool = Pool::new([1; 32], 4);
        let mut choices = 2;
        let refused = pool.reserve(3, |_| {
            choices -= 1;
            if choices == 0 { Err("no randomness") } else { Ok(0) }
        });
        assert_eq!((refused, pool.left()), (Err("no randomness"), 4));
    }
}
