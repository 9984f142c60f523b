use alloc::collections::{BTreeMap, btree_map};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A power of two. More of them make the copy of one shorter: at a million entries a copied shard has 16 thousand.
const SHARDS: usize = 64;

/// A key whose bytes tell where it sorts: a smaller first byte comes first.
pub(crate) trait Sharded: Ord + Copy {
    /// The byte that keys are spread by; order by it agrees with the order of the keys.
    fn first_byte(&self) -> u8;
}

/// An ordered map that is copied in no time and then copies itself piece by piece, as it is written to.
///
/// That is what lets a snapshot be written beside the running machine: the map is cut by key into shards, a clone shares them
/// all, and the first change to a shared shard copies that one alone.
///
/// # Determinism
/// The entries come in order of key, as from the one map that it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Shards<K, V> {
    shards: Vec<Arc<BTreeMap<K, V>>>,
    len: usize,
}

impl<K: Sharded, V: Clone> Shards<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.shard(key)?.get(key)
    }

    pub(crate) fn get_key_value(&self, key: &K) -> Option<(&K, &V)> {
        self.shard(key)?.get_key_value(key)
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// `None`, and nothing copied, when the key is not there.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.shard_with(key)?.get_mut(key)
    }

    pub(crate) fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if self.shards.is_empty() {
            self.shards.resize_with(SHARDS, Arc::default);
        }
        match Arc::make_mut(&mut self.shards[index(&key)]).entry(key) {
            btree_map::Entry::Occupied(entry) => entry.into_mut(),
            btree_map::Entry::Vacant(entry) => {
                self.len += 1;
                entry.insert(V::default())
            }
        }
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.shards.is_empty() {
            self.shards.resize_with(SHARDS, Arc::default);
        }
        let before = Arc::make_mut(&mut self.shards[index(&key)]).insert(key, value);
        self.len += usize::from(before.is_none());
        before
    }

    /// `None`, and nothing copied, when the key is not there.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let removed = self.shard_with(key)?.remove(key);
        self.len -= usize::from(removed.is_some());
        removed
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// To be written to: a shared one is copied only if it has the key.
    fn shard_with(&mut self, key: &K) -> Option<&mut BTreeMap<K, V>> {
        let shard = self.shards.get_mut(index(key))?;
        if Arc::get_mut(shard).is_none() && !shard.contains_key(key) {
            return None;
        }
        Some(Arc::make_mut(shard))
    }

    fn shard(&self, key: &K) -> Option<&BTreeMap<K, V>> {
        self.shards.get(index(key)).map(|shard| &**shard)
    }
}

impl<K, V> Default for Shards<K, V> {
    /// Without shards until the first entry comes: an empty map costs nothing to make or to clone.
    fn default() -> Self {
        Self { shards: Vec::new(), len: 0 }
    }
}

impl<K: Sharded, V: Clone + PartialEq> PartialEq for Shards<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Sharded, V: Clone + Eq> Eq for Shards<K, V> {}

fn index<K: Sharded>(key: &K) -> usize {
    usize::from(key.first_byte()) * SHARDS / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Sharded for u8 {
        fn first_byte(&self) -> u8 {
            *self
        }
    }

    #[test]
    fn a_clone_keeps_what_it_had_whatever_is_written_to_the_original() {
        let mut shards = Shards::default();
        let mut model = BTreeMap::new();
        let mut clones = Vec::new();
        for step in 0..2_000_u32 {
            let key = u8::try_from(step.wrapping_mul(2_654_435_761) >> 24).expect("8 bits");
            match step % 5 {
                0 => assert_eq!(shards.remove(&key), model.remove(&key)),
                1 => {
                    let (known, expected) = (shards.get_mut(&key), model.get_mut(&key));
                    assert_eq!(known, expected);
                    if let (Some(known), Some(expected)) = (known, expected) {
                        (*known, *expected) = (step, step);
                    }
                }
                2 => {
                    *shards.entry(key) += 1;
                    *model.entry(key).or_default() += 1;
                }
                _ => assert_eq!(shards.insert(key, step), model.insert(key, step)),
            }
            if step % 100 == 0 {
                clones.push((shards.clone(), model.clone()));
            }
            assert_eq!(shards.len(), model.len(), "step {step}");
        }
        clones.push((shards, model));
        for (shards, model) in clones {
            assert!(shards.iter().eq(model.iter()), "a snapshot would hold what came after it");
        }
    }
}
