//! Figures as people read them.

use quittance_core::ids::Timestamp;
use quittance_core::money::{QUARKS_PER_KIN, Quarks};

/// Quarks in kin, without needless zeros.
pub(crate) fn kin(quarks: Quarks) -> String {
    let quarks = quarks.get();
    let text = format!("{}.{:05}", quarks / QUARKS_PER_KIN, quarks % QUARKS_PER_KIN);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A moment. One that is beyond the calendar is shown as its last day.
pub(crate) fn moment(at: Timestamp) -> jiff::Timestamp {
    let micros = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX)
}

/// The beginning of a key, for where there is no room for all of it.
pub(crate) fn short(key: &str) -> String {
    let mut text: String = key.chars().take(6).collect();
    text.push('…');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kin_are_written_without_needless_zeros() {
        for (quarks, text) in
            [(0, "0"), (1, "0.00001"), (100_000, "1"), (250_000_000, "2500"), (12_345_678, "123.45678")]
        {
            assert_eq!(kin(Quarks::new(quarks)), text);
        }
    }
}
