//! Money as integers that cannot be mixed up: every unit is a type, every operation is checked.
//!
//! The inner values are private to this file's modules: nothing outside can build an amount that breaks its range.

use core::fmt;

/// Quarks in one kin.
pub const QUARKS_PER_KIN: u64 = 100_000;

/// Basis points in the whole.
pub const BASIS_POINTS: u16 = 10_000;

pub use sealed::{BasisPoints, NativeAmount, Quarks};

mod sealed {
    use super::BASIS_POINTS;

    /// An amount of the smallest unit that moves between accounts: 10⁻⁵ kin.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Quarks(u64);

    impl Quarks {
        /// Nothing.
        pub const ZERO: Self = Self(0);
        /// The most that one amount can hold.
        pub const MAX: Self = Self(u64::MAX);

        /// So many quarks.
        #[must_use]
        pub const fn new(quarks: u64) -> Self {
            Self(quarks)
        }

        /// The number of quarks.
        #[must_use]
        pub const fn get(self) -> u64 {
            self.0
        }

        /// The sum, or `None` when it does not fit.
        #[must_use]
        pub fn checked_add(self, other: Self) -> Option<Self> {
            self.0.checked_add(other.0).map(Self)
        }

        /// The difference, or `None` when it would be negative.
        #[must_use]
        pub fn checked_sub(self, other: Self) -> Option<Self> {
            self.0.checked_sub(other.0).map(Self)
        }

        /// The sum of all, or `None` when it does not fit.
        pub fn checked_sum(all: impl IntoIterator<Item = Self>) -> Option<Self> {
            all.into_iter().try_fold(Self::ZERO, Self::checked_add)
        }

        /// This share of the amount, rounded down (protocol e.6: ⌊bps × quarks ÷ 10 000⌋).
        #[must_use]
        pub fn share(self, part: BasisPoints) -> Self {
            let share = u128::from(self.0) * u128::from(part.get()) / u128::from(BASIS_POINTS);
            Self(u64::try_from(share).unwrap_or(self.0))
        }
    }

    /// An amount in a currency, in hundredths of its major unit, whatever its number of minor digits: the protocol's
    /// × 100 rule (a.3), which is also the finest amount a scan code can carry. Never zero; at most 2⁵⁶ − 1, the largest
    /// a scan code holds.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct NativeAmount(u64);

    impl NativeAmount {
        /// The largest amount: 2⁵⁶ − 1 hundredths.
        pub const MAX: Self = Self((1 << 56) - 1);

        /// So many hundredths, or `None` for zero and for more than [`Self::MAX`].
        #[must_use]
        pub const fn from_hundredths(hundredths: u64) -> Option<Self> {
            if hundredths == 0 || hundredths > Self::MAX.0 { None } else { Some(Self(hundredths)) }
        }

        /// The number of hundredths.
        #[must_use]
        pub const fn hundredths(self) -> u64 {
            self.0
        }
    }

    /// A share in basis points: 1 to 10 000.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct BasisPoints(u16);

    impl BasisPoints {
        /// So many basis points, or `None` outside 1..=10 000.
        #[must_use]
        pub const fn new(basis_points: u32) -> Option<Self> {
            if basis_points == 0 || basis_points > BASIS_POINTS as u32 {
                return None;
            }
            #[expect(clippy::cast_possible_truncation, reason = "at most 10 000, checked above")]
            Some(Self(basis_points as u16))
        }

        /// The number of basis points.
        #[must_use]
        pub const fn get(self) -> u16 {
            self.0
        }
    }
}

impl fmt::Display for Quarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} quarks", self.get())
    }
}

impl fmt::Display for NativeAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.hundredths() / 100, self.hundredths() % 100)
    }
}

impl fmt::Display for BasisPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bps", self.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_out_of_range_cannot_be_built() {
        for (hundredths, ok) in
            [(0, false), (1, true), ((1 << 56) - 1, true), (1 << 56, false), (u64::MAX, false)]
        {
            assert_eq!(NativeAmount::from_hundredths(hundredths).is_some(), ok, "{hundredths}");
        }
        for (bps, ok) in [(0, false), (1, true), (10_000, true), (10_001, false), (65_537, false)] {
            assert_eq!(BasisPoints::new(bps).is_some(), ok, "{bps}");
        }
    }

    #[test]
    fn a_share_is_rounded_down_so_that_shares_never_exceed_the_whole() {
        for (quarks, bps, share) in [
            (0, 10_000, 0),
            (1, 9_999, 0),
            (9_999, 1, 0),
            (10_000, 1, 1),
            (250_000_000, 1_000, 25_000_000),
            (u64::MAX, 10_000, u64::MAX),
            (u64::MAX, 1, u64::MAX / 10_000),
        ] {
            let part = BasisPoints::new(bps).unwrap();
            assert_eq!(Quarks::new(quarks).share(part).get(), share, "{quarks} x {bps}");
        }
    }
}
