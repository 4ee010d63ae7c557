//! All strings of an index in one arena: a string is a number of four bytes, and each is stored once.

use std::hash::{BuildHasher, RandomState};

/// A string of an arena: its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Text(pub(crate) u32);

impl Text {
    /// The empty string, which every arena has.
    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// The arena. It never holds 4 GiB or more: a string that does not fit is refused.
#[derive(Debug)]
pub(crate) struct Texts {
    bytes: String,
    /// Where each ends; it begins where the one before ends.
    ends: Vec<u32>,
    /// Open addressing: the hash, which says the slot too, and the number plus one (0 is a free slot).
    slots: Vec<(u32, u32)>,
    /// Seeded: names come from strangers, who could else choose such that all fall into one slot.
    hasher: RandomState,
}

impl Texts {
    pub(crate) fn new() -> Self {
        let hasher = RandomState::new();
        let mut texts = Self { bytes: String::new(), ends: Vec::new(), slots: vec![(0, 0); 1 << 10], hasher };
        let empty = texts.add("");
        debug_assert_eq!(empty, Some(Text::EMPTY));
        texts
    }

    /// The number of this string, which is stored now if it was not; `None` when the arena is full.
    pub(crate) fn add(&mut self, text: &str) -> Option<Text> {
        let hash = self.hash(text);
        let (found, slot) = self.look(text, hash);
        if found.is_some() {
            return found;
        }
        let end = u32::try_from(self.bytes.len() + text.len()).ok()?;
        let number = u32::try_from(self.ends.len()).ok().filter(|number| *number < u32::MAX)?;
        self.bytes.push_str(text);
        self.ends.push(end);
        self.slots[slot] = (hash, number + 1);
        if self.ends.len() * 2 > self.slots.len() {
            self.grow();
        }
        Some(Text(number))
    }

    /// The number of this string, if it is stored.
    pub(crate) fn find(&self, text: &str) -> Option<Text> {
        self.look(text, self.hash(text)).0
    }

    pub(crate) fn get(&self, text: Text) -> &str {
        let begin = if text.0 == 0 { 0 } else { self.ends[text.at() - 1] as usize };
        &self.bytes[begin..self.ends[text.at()] as usize]
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    fn hash(&self, text: &str) -> u32 {
        self.hasher.hash_one(text) as u32
    }

    fn look(&self, text: &str, hash: u32) -> (Option<Text>, usize) {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            match self.slots[slot] {
                (_, 0) => return (None, slot),
                (other, number) if other == hash && self.get(Text(number - 1)) == text => {
                    return (Some(Text(number - 1)), slot);
                }
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        let mut slots = vec![(0, 0); self.slots.len() * 2];
        let mask = slots.len() - 1;
        for (hash, number) in self.slots.iter().copied().filter(|(_, number)| *number != 0) {
            let mut slot = hash as usize & mask;
            while slots[slot].1 != 0 {
                slot = (slot + 1) & mask;
            }
            slots[slot] = (hash, number);
        }
        self.slots = slots;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_stored_once_and_comes_back() {
        let mut texts = Texts::new();
        let names: Vec<String> = (0..5000).map(|n| format!("package-{n}")).collect();
        let numbers: Vec<Text> = names.iter().map(|name| texts.add(name).unwrap()).collect();
        for (name, number) in names.iter().zip(&numbers) {
            assert_eq!((texts.add(name), texts.find(name)), (Some(*number), Some(*number)));
            assert_eq!(texts.get(*number), name);
        }
        assert_eq!(texts.len(), 5001);
        assert_eq!((texts.find("package-5000"), texts.get(Text::EMPTY)), (None, ""));
    }
}
