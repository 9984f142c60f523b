//! Which language a page speaks.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;

use crate::texts::{ARABIC, ENGLISH, GERMAN, SPANISH, Texts};

/// The longest list of languages that is read.
const MAX_ACCEPTED_BYTES: usize = 512;

/// A language that pages for payers are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
    Spanish,
    Arabic,
}

impl Language {
    pub(crate) const ALL: [Self; 4] = [Self::English, Self::German, Self::Spanish, Self::Arabic];

    /// Its tag (BCP 47).
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Spanish => "es",
            Self::Arabic => "ar",
        }
    }

    /// Its own name for itself.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
            Self::Spanish => "Español",
            Self::Arabic => "العربية",
        }
    }

    /// Which way its lines run.
    pub(crate) fn direction(self) -> &'static str {
        match self {
            Self::Arabic => "rtl",
            Self::English | Self::German | Self::Spanish => "ltr",
        }
    }

    /// What it has between a number's whole part and the rest.
    pub(crate) fn decimal_mark(self) -> char {
        match self {
            Self::English | Self::Arabic => '.',
            Self::German | Self::Spanish => ',',
        }
    }

    pub(crate) fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
            Self::Spanish => &SPANISH,
            Self::Arabic => &ARABIC,
        }
    }

    /// The one asked for in the address, or the one that the browser likes best (RFC 9110, 12.5.4), or English.
    pub(crate) fn choose(asked: Option<&str>, headers: &HeaderMap) -> Self {
        if let Some(language) = asked.and_then(Self::of_tag) {
            return language;
        }
        let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let accepted = accepted.get(..MAX_ACCEPTED_BYTES).unwrap_or(accepted);
        let ranges = accepted.split(',').filter_map(|range| {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            Some((Self::of_tag(tag.trim())?, thousandths(weight)?))
        });
        // The first of those that are liked equally.
        let best = ranges.filter(|(_, weight)| *weight > 0).reduce(
            |best, next| {
                if next.1 > best.1 { next } else { best }
            },
        );
        best.map_or(Self::English, |(language, _)| language)
    }

    /// By a tag's first part: a page in any German is better than none for `de-AT`.
    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// A decimal as people write it: the language's mark, and long numbers in groups of three with a narrow space between,
    /// which no language reads as anything else.
    pub(crate) fn number(self, decimal: &str) -> String {
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
        let mut text = String::with_capacity(decimal.len() + 8);
        for (i, digit) in whole.chars().enumerate() {
            if whole.len() > 4 && i > 0 && (whole.len() - i).is_multiple_of(3) {
                text.push('\u{202f}');
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push(self.decimal_mark());
            text.push_str(fraction);
        }
        text
    }
}

/// `q=0.8` as 800.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.trim().strip_prefix("q=").map(|q| q.split_once('.').unwrap_or((q, "")))?;
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    let fraction: u16 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some((whole * 1000 + fraction).min(1000))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_payer_reads_the_best_language_the_browser_names() {
        let check = |asked: Option<&str>, accepted: &'static str, expected: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
            assert_eq!(Language::choose(asked, &headers).tag(), expected, "{asked:?} {accepted}");
        };
        check(None, "", "en");
        check(None, "de", "de");
        check(None, "de-AT,de;q=0.9,en;q=0.8", "de");
        check(None, "fr,es;q=0.5,de;q=0.7", "de");
        check(None, "fr-FR, AR-eg;q=0.25", "ar");
        check(None, "de;q=0,es;q=0.001", "es");
        check(None, "de;q=x,es;q=2,ar;q=-1,*", "en");
        check(None, "es,de", "es");
        check(Some("ar"), "de", "ar");
        check(Some("de-CH"), "es", "de");
        check(Some("xx"), "es", "es");
        check(Some("../../etc"), "", "en");
    }

    #[test]
    fn a_number_is_written_so_that_nobody_takes_it_for_another() {
        let check = |language: Language, number: &str, expected: &str| {
            assert_eq!(language.number(number), expected);
        };
        check(Language::English, "0.25", "0.25");
        check(Language::German, "0.25", "0,25");
        check(Language::Spanish, "2500.00", "2500,00");
        check(Language::English, "12500.00", "12\u{202f}500.00");
        check(Language::Arabic, "1234567", "1\u{202f}234\u{202f}567");
    }
}
