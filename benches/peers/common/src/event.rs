use std::fmt;
use std::str::FromStr;

/// How long an event's text is, in bytes.
pub const EVENT_BYTES: usize = 200;

/// One intent's stream: a slot that writers share, and how often that slot has begun a new intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream {
    /// Which slot: a writer's own, or one of the hot intents.
    pub slot: u32,
    /// 0 for the slot's first intent.
    pub generation: u32,
}

/// What is stored: who wrote it, and where it belongs. The text it makes is the same for the same fields, so what comes back
/// can be checked to the last byte without having been kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// The intent it is about.
    pub stream: Stream,
    /// Its place in that intent's stream, from 0.
    pub revision: u32,
    /// Who wrote it.
    pub writer: u32,
    /// The writer's own count of commands.
    pub serial: u32,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:08x}", self.slot, self.generation)
    }
}

impl FromStr for Stream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| u32::from_str_radix(part, 16).ok();
        let parts = text.split_once('-').filter(|_| text.len() == 17);
        parts
            .and_then(|(slot, generation)| {
                Some(Self { slot: number(slot)?, generation: number(generation)? })
            })
            .ok_or_else(|| format!("expected a stream such as 00000001-00000002, got {text:?}"))
    }
}

impl Event {
    /// The text to store: [`EVENT_BYTES`] of plain ASCII, the fields and then characters that do not compress to nothing.
    #[must_use]
    pub fn text(&self) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let Self { stream, revision, writer, serial } = *self;
        let mut text = format!("{stream} {revision:08x} {writer:08x} {serial:08x} ");
        // Every field goes through the mixer by itself, so that no two events share their filling.
        let fields = [stream.slot, stream.generation, revision, writer, serial];
        let mut seed = fields.iter().fold(0, |seed, field| mixed(&mut (seed ^ u64::from(*field))));
        while text.len() < EVENT_BYTES {
            let mut bits = mixed(&mut seed);
            for _ in 0..10.min(EVENT_BYTES - text.len()) {
                text.push(char::from(LETTERS[(bits & 63) as usize]));
                bits >>= 6;
            }
        }
        text
    }

    /// Where an event with this text belongs, its filling not looked at: what a load can check in no time.
    ///
    /// # Errors
    /// It does not begin as an event's text does, or has another length.
    pub fn place(text: &str) -> Result<(Stream, u32), String> {
        let places = text.get(..17).zip(text.get(18..26)).filter(|_| text.len() == EVENT_BYTES);
        let (stream, revision) = places.ok_or_else(|| format!("not an event's text: {text:?}"))?;
        let revision = u32::from_str_radix(revision, 16).map_err(|error| format!("{error} in {text:?}"))?;
        Ok((stream.parse()?, revision))
    }

    /// The event whose text this is.
    ///
    /// # Errors
    /// It is no event's text, to the last byte.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(' ');
        let mut part = || parts.next().unwrap_or_default();
        let number =
            |part: &str| u32::from_str_radix(part, 16).map_err(|error| format!("{error} in {text:?}"));
        let stream = part().parse()?;
        let (revision, writer, serial) = (number(part())?, number(part())?, number(part())?);
        let event = Self { stream, revision, writer, serial };
        if event.text() == text { Ok(event) } else { Err(format!("not the bytes of {event:?}: {text:?}")) }
    }
}

/// The next number of a splitmix64 sequence: spread well enough for choosing and filling, and the same everywhere.
pub(crate) fn mixed(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *seed;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_back_and_no_changed_byte_passes_or_a_store_that_damages_events_would_be_ranked() {
        let stream = Stream { slot: 7, generation: 0xffff_fffe };
        let event = Event { stream, revision: 15, writer: 63, serial: 99_999 };
        let text = event.text();
        assert_eq!((text.len(), Event::parse(&text)), (EVENT_BYTES, Ok(event)));
        assert_eq!(Event::place(&text), Ok((stream, 15)));
        assert!(Event::place(&text[1..]).is_err() && Event::place(&text[..EVENT_BYTES - 1]).is_err());
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert!(Event::parse(&changed).is_err_and(|why| !why.is_empty()), "byte {place}: {changed}");
        }
        assert!(Event::parse(&text[..EVENT_BYTES - 1]).is_err());
        assert!(Event::parse("").is_err());
    }
}
