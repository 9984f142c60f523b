//! How small and how large one micro payment may be (protocol e.6).

/// Both bounds are allowed amounts, in hundredths of the currency, whatever its usual number of decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MicroPaymentLimit {
    /// The smallest amount.
    pub min_hundredths: u64,
    /// The largest amount.
    pub max_hundredths: u64,
}

impl MicroPaymentLimit {
    /// Whether an amount in hundredths lies within both bounds.
    pub fn admits(&self, hundredths: u64) -> bool {
        (self.min_hundredths..=self.max_hundredths).contains(&hundredths)
    }
}

/// The limit of a currency, by its three small letters. `None` means it cannot be requested at all, which is so for
/// `ssp`, `stn` and `ves` although a scan code can carry them.
pub fn micro_payment(currency: &str) -> Option<MicroPaymentLimit> {
    let index = TABLE.binary_search_by(|(code, _, _)| (*code).cmp(currency)).ok()?;
    let (_, min_hundredths, max_hundredths) = TABLE[index];
    Some(MicroPaymentLimit { min_hundredths, max_hundredths })
}

/// Every currency that has a limit, in the order of its letters.
pub fn all() -> impl Iterator<Item = (&'static str, MicroPaymentLimit)> {
    TABLE.iter().map(|&(code, min_hundredths, max_hundredths)| {
        (code, MicroPaymentLimit { min_hundredths, max_hundredths })
    })
}

/// Code, smallest, largest; sorted by code. The reference writes them as decimal fractions, every one of which is a whole
/// number of hundredths; its largest amounts are five times what its table says, which is already done here.
#[rustfmt::skip]
const TABLE: [(&str, u64, u64); 164] = [
    ("aed", 20, 2000), ("afn", 400, 40000), ("all", 500, 50000), ("amd", 2000, 200000), ("ang", 10, 1000),
    ("aoa", 2000, 200000), ("ars", 500, 50000), ("aud", 5, 500), ("awg", 10, 1000), ("azn", 5, 500),
    ("bam", 10, 1000), ("bbd", 10, 1000), ("bdt", 500, 50000), ("bgn", 10, 1000), ("bhd", 2, 200),
    ("bif", 10000, 1000000), ("bmd", 5, 500), ("bnd", 5, 500), ("bob", 30, 3000), ("brl", 20, 2000),
    ("bsd", 5, 500), ("btn", 400, 40000), ("bwp", 50, 5000), ("byn", 10, 1000), ("byr", 100000, 10000000),
    ("bzd", 10, 1000), ("cad", 5, 500), ("cdf", 10000, 1000000), ("chf", 5, 500), ("clf", 1, 15),
    ("clp", 3000, 300000), ("cny", 30, 3000), ("cop", 20000, 2000000), ("crc", 3000, 300000), ("cuc", 5, 500),
    ("cup", 100, 10000), ("cve", 500, 50000), ("czk", 100, 10000), ("djf", 800, 80000), ("dkk", 20, 2000),
    ("dop", 250, 25000), ("dzd", 500, 50000), ("egp", 50, 5000), ("ern", 50, 5000), ("etb", 250, 25000),
    ("eur", 5, 500), ("fjd", 10, 1000), ("fkp", 5, 500), ("gbp", 5, 500), ("gel", 10, 1000),
    ("ggp", 5, 500), ("ghs", 45, 4500), ("gip", 5, 500), ("gmd", 300, 30000), ("gnf", 40000, 4000000),
    ("gtq", 30, 3000), ("gyd", 1000, 100000), ("hkd", 20, 2000), ("hnl", 100, 10000), ("hrk", 30, 3000),
    ("htg", 500, 50000), ("huf", 1000, 100000), ("idr", 30000, 3000000), ("ils", 15, 1500), ("imp", 5, 500),
    ("inr", 200, 20000), ("iqd", 5000, 500000), ("irr", 200000, 20000000), ("isk", 500, 50000), ("jep", 5, 500),
    ("jmd", 500, 50000), ("jod", 2, 200), ("jpy", 500, 50000), ("kes", 500, 50000), ("kgs", 200, 20000),
    ("khr", 20000, 2000000), ("kin", 250000, 25000000), ("kmf", 2000, 200000), ("kpw", 5000, 500000), ("krw", 5000, 500000),
    ("kwd", 1, 100), ("kyd", 5, 500), ("kzt", 2000, 200000), ("lak", 50000, 5000000), ("lbp", 60000, 6000000),
    ("lkr", 1000, 100000), ("lrd", 500, 50000), ("lsl", 50, 5000), ("ltl", 20, 2000), ("lvl", 3, 300),
    ("lyd", 25, 2500), ("mad", 50, 5000), ("mdl", 50, 5000), ("mga", 20000, 2000000), ("mkd", 300, 30000),
    ("mmk", 10000, 1000000), ("mnt", 15000, 1500000), ("mop", 40, 4000), ("mru", 200, 20000), ("mur", 200, 20000),
    ("mvr", 50, 5000), ("mwk", 5000, 500000), ("mxn", 50, 5000), ("myr", 10, 1000), ("mzn", 300, 30000),
    ("nad", 50, 5000), ("ngn", 2000, 200000), ("nio", 100, 10000), ("nok", 50, 5000), ("npr", 500, 50000),
    ("nzd", 10, 1000), ("omr", 1, 100), ("pab", 5, 500), ("pen", 10, 1000), ("pgk", 20, 2000),
    ("php", 200, 20000), ("pkr", 1000, 100000), ("pln", 15, 1500), ("pyg", 30000, 3000000), ("qar", 10, 1000),
    ("ron", 10, 1000), ("rsd", 500, 50000), ("rub", 300, 30000), ("rwf", 5000, 500000), ("sar", 15, 1500),
    ("sbd", 40, 4000), ("scr", 60, 6000), ("sdg", 3000, 300000), ("sek", 50, 5000), ("sgd", 5, 500),
    ("shp", 5, 500), ("sll", 100000, 10000000), ("sos", 3000, 300000), ("srd", 100, 10000), ("std", 100000, 10000000),
    ("syp", 10000, 1000000), ("szl", 50, 5000), ("thb", 100, 10000), ("tjs", 50, 5000), ("tmt", 15, 1500),
    ("tnd", 15, 1500), ("top", 10, 1000), ("try", 50, 5000), ("ttd", 30, 3000), ("twd", 100, 10000),
    ("tzs", 10000, 1000000), ("uah", 200, 20000), ("ugx", 20000, 2000000), ("usd", 5, 500), ("uyu", 200, 20000),
    ("uzs", 50000, 5000000), ("vnd", 100000, 10000000), ("vuv", 500, 50000), ("wst", 10, 1000), ("xaf", 3000, 300000),
    ("xcd", 10, 1000), ("xdr", 3, 300), ("xof", 3000, 300000), ("xpf", 500, 50000), ("yer", 1000, 100000),
    ("zar", 50, 5000), ("zmk", 50000, 5000000), ("zmw", 50, 5000), ("zwl", 1000, 100000),
];
