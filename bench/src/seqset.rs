//! A set of event numbers as a bitmap: loss is what was accepted and not seen, a duplicate is what was already in.
//! It starts at one number and holds [`CAPACITY`] of them; what lies outside is told apart, never mixed in.

/// How many numbers one set holds (2 MiB of bits): also the most events one phase may post.
pub const CAPACITY: u64 = 1 << 24;

/// What became of a number that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was not there before.
    New,
    /// It was there already.
    Again,
    /// It does not belong to this set's range.
    Outside,
}

/// Event numbers from `first` on.
#[derive(Debug, Clone, Default)]
pub struct SeqSet {
    first: u64,
    words: Vec<u64>,
}

impl SeqSet {
    /// An empty set for the numbers `first..first + CAPACITY`.
    pub fn from(first: u64) -> Self {
        Self {
            first,
            words: Vec::new(),
        }
    }

    /// Puts `seq` in.
    pub fn put(&mut self, seq: u64) -> Put {
        let Some(offset) = seq
            .checked_sub(self.first)
            .filter(|offset| *offset < CAPACITY)
        else {
            return Put::Outside;
        };
        let at = usize::try_from(offset / 64).unwrap_or(usize::MAX);
        if at >= self.words.len() {
            // Grown well ahead, so that the measured path seldom pays for it.
            self.words.resize(at + 4096, 0);
        }
        let bit = 1_u64 << (offset % 64);
        match self.words.get_mut(at) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                Put::New
            }
            Some(_) => Put::Again,
            None => Put::Outside,
        }
    }

    /// How many numbers of this set are not in `other`, which starts at the same number.
    pub fn missing_in(&self, other: &Self) -> u64 {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        self.words
            .iter()
            .zip(others)
            .map(|(mine, theirs)| u64::from((mine & !theirs).count_ones()))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_again_and_outside_are_told_apart() {
        let mut set = SeqSet::from(1_000);
        let cases = [
            (1_000, Put::New),
            (1_000, Put::Again),
            (1_063, Put::New),
            (1_064, Put::New),
            (1_064, Put::Again),
            (999, Put::Outside),
            (1_000 + CAPACITY - 1, Put::New),
            (1_000 + CAPACITY, Put::Outside),
        ];
        for (seq, expected) in cases {
            assert_eq!(set.put(seq), expected, "{seq}");
        }
    }

    #[test]
    fn missing_is_what_only_this_set_has() {
        let (mut accepted, mut seen) = (SeqSet::from(5), SeqSet::from(5));
        (5..500_000).for_each(|seq| _ = accepted.put(seq));
        assert_eq!(accepted.missing_in(&seen), 499_995);
        (5..500_000)
            .filter(|seq| *seq != 77 && *seq != 400_000)
            .for_each(|seq| _ = seen.put(seq));
        assert_eq!(accepted.missing_in(&seen), 2);
        assert_eq!(seen.missing_in(&accepted), 0);
    }
}
