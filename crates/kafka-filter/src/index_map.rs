//! A hash map for keys that are given out here: series, label values.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys no peer can choose.
pub(crate) type IndexMap<K, V> = HashMap<K, V, BuildHasherDefault<IndexHasher>>;

/// Mixes the bits of such keys, for which a keyed hash would only cost time.
#[derive(Default)]
pub(crate) struct IndexHasher(u64);

impl Hasher for IndexHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u16(&mut self, bits: u16) {
        self.write_u64(u64::from(bits));
    }

    fn write_u64(&mut self, bits: u64) {
        // Multiplication moves bits up only; the fold brings them down to where a table looks.
        let mixed = (self.0 ^ bits).wrapping_mul(MIX);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// An odd number with its bits well spread.
pub(crate) const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
