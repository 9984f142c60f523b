//! What there is to buy.

/// One thing on offer.
#[derive(Debug)]
pub(super) struct Good {
    /// Its name in addresses.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) words: &'static str,
    pub(super) us_cents: u64,
    /// A drawing in lines, as the path of an SVG 48 wide and high.
    pub(super) drawing: &'static str,
}

/// Prices are within what the protocol allows: 5 cents to 5 dollars.
pub(super) const GOODS: [Good; 3] = [
    Good {
        name: "espresso",
        title: "Espresso",
        words: "Short, strong, gone in two sips.",
        us_cents: 25,
        drawing: "M8 18h26v8a12 12 0 0 1-12 12h-2A12 12 0 0 1 8 26zM34 20h3a5 5 0 0 1 0 10h-4M6 42h30M16 6c-3 3 3 4 0 7M25 6c-3 3 3 4 0 7",
    },
    Good {
        name: "croissant",
        title: "Croissant",
        words: "Butter, air, and a little patience.",
        us_cents: 75,
        drawing: "M5 30c2-14 12-20 19-20s17 6 19 20c-4 1-7-1-9-4-3 3-7 4-10 4s-7-1-10-4c-2 3-5 5-9 4zM15 13l-1 13M33 13l1 13M24 10v20",
    },
    Good {
        name: "poem",
        title: "A poem",
        words: "Eight lines that rhyme in places.",
        us_cents: 10,
        drawing: "M11 5h20l6 6v32H11zM31 5v6h6M17 19h14M17 25h11M17 31h14M17 37h7",
    },
];

impl Good {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        GOODS.iter().find(|good| good.name == name)
    }

    /// In dollars.
    pub(super) fn price(&self) -> String {
        format!("{}.{:02}", self.us_cents / 100, self.us_cents % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_on_offer_can_be_paid_for() {
        for good in &GOODS {
            assert!((5..=500).contains(&good.us_cents), "{}", good.name);
            assert_eq!(Good::named(good.name).map(Good::price), Some(good.price()));
        }
        assert!(Good::named("nothing").is_none());
    }
}
