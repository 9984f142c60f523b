//! The one byte that stands for a currency in a scan code (protocol a.2).

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// A currency that a scan code can carry: kin, or one of 153 others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(u8);

/// A code or an index outside the table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid currency: expected one of the {} codes a scan code can carry, in small letters, got {got}", CODES.len())]
pub struct UnknownCurrency {
    got: String,
}

impl Currency {
    /// The network's own currency, the only one whose requests name an exact number of quarks.
    pub const KIN: Self = Self(0);

    /// The currency of an index.
    ///
    /// # Errors
    ///
    /// From 154 on.
    pub fn from_index(index: u8) -> Result<Self, UnknownCurrency> {
        if usize::from(index) < CODES.len() {
            Ok(Self(index))
        } else {
            Err(UnknownCurrency { got: format!("index {index}") })
        }
    }

    /// 0 to 153.
    pub fn index(self) -> u8 {
        self.0
    }

    /// Three small letters.
    pub fn code(self) -> &'static str {
        CODES[usize::from(self.0)]
    }

    /// All of them, by index.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map_while(|index| Self::from_index(index).ok())
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    /// Case counts: the SDKs turn what a merchant writes into small letters first.
    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        Self::all().find(|currency| currency.code() == code).ok_or_else(|| UnknownCurrency {
            got: format!("{:?}", code.chars().take(16).collect::<String>()),
        })
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({})", self.code())
    }
}

/// kin, then the others by letter. The order is part of the protocol: it never changes, and nothing is inserted.
#[rustfmt::skip]
const CODES: [&str; 154] = [
    "kin", "aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt",
    "bgn", "bhd", "bif", "bmd", "bnd", "bob", "brl", "bsd", "btn", "bwp", "byn", "bzd", "cad", "cdf",
    "chf", "clp", "cny", "cop", "crc", "cup", "cve", "czk", "djf", "dkk", "dop", "dzd", "egp", "ern",
    "etb", "eur", "fjd", "fkp", "gbp", "gel", "ghs", "gip", "gmd", "gnf", "gtq", "gyd", "hkd", "hnl",
    "hrk", "htg", "huf", "idr", "ils", "inr", "iqd", "irr", "isk", "jmd", "jod", "jpy", "kes", "kgs",
    "khr", "kmf", "kpw", "krw", "kwd", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lyd", "mad", "mdl",
    "mga", "mkd", "mmk", "mnt", "mop", "mru", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn",
    "nio", "nok", "npr", "nzd", "omr", "pab", "pen", "pgk", "php", "pkr", "pln", "pyg", "qar", "ron",
    "rsd", "rub", "rwf", "sar", "sbd", "scr", "sdg", "sek", "sgd", "shp", "sll", "sos", "srd", "ssp",
    "stn", "syp", "szl", "thb", "tjs", "tmt", "tnd", "top", "try", "ttd", "twd", "tzs", "uah", "ugx",
    "usd", "uyu", "uzs", "ves", "vnd", "vuv", "wst", "xaf", "xcd", "xof", "xpf", "yer", "zar", "zmw",
];
