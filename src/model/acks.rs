//! What: what a person acknowledges who resets a drawdown that has lost much.

bitflags::bitflags! {
    /// What was looked at before going on. The bits are those of a COMMAND record.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Acks: u8 {
        /// Why it halted is understood.
        const CAUSE_UNDERSTOOD = 1 << 0;
        /// The market is what it usually is.
        const MARKET_NORMAL = 1 << 1;
        /// The limits are what they should be.
        const LIMITS_REVIEWED = 1 << 2;
        /// Going on is approved.
        const APPROVED = 1 << 3;
    }
}

impl Acks {
    /// How each is said, in the order of the bits.
    pub const WORDS: [&'static str; 4] = ["cause-understood", "market-normal", "limits-reviewed", "approved"];

    /// The one that is said so.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        let bit = Self::WORDS.iter().position(|&known| known == word)?;
        Some(Self::from_bits_truncate(1 << bit))
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.bits().count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_word_and_all_of_them_make_all() {
        let said: Vec<String> = Acks::all().iter_names().map(|(name, _)| name.to_lowercase()).collect();
        assert_eq!(said.iter().map(|name| name.replace('_', "-")).collect::<Vec<_>>(), Acks::WORDS);
        let all = Acks::WORDS.iter().map(|word| Acks::named(word)).collect::<Option<Acks>>();
        assert_eq!(all, Some(Acks::all()));
        assert_eq!((Acks::all().count(), Acks::named("approve")), (4, None));
    }
}
