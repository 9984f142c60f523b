use std::fmt;
use std::str::FromStr;

/// Figures that are measured together, in turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Resident memory with many open intents, and the restart with them.
    Memory,
    /// Many intents that have ended: speed, memory and the restart with them.
    Settled,
    /// Frames of real records into a raw file, into sled alone, and into the store without the engine.
    Append,
    /// Signature checks alone.
    Verify,
    /// Commands without signatures through the whole engine.
    Unsigned,
    /// Signed intents from creation to confirmation.
    Lifecycles,
    /// One client that waits for every answer.
    RoundTrips,
    /// Reading a log back.
    Replay,
    /// How long an answer takes at half of what the engine can do.
    Latency,
    /// Ten times of what the engine can do.
    Overload,
}

impl Group {
    /// All, in the order in which they are measured.
    pub const ALL: [Self; 10] = [
        Self::Memory,
        Self::Settled,
        Self::Append,
        Self::Verify,
        Self::Unsigned,
        Self::Lifecycles,
        Self::RoundTrips,
        Self::Replay,
        Self::Latency,
        Self::Overload,
    ];

    /// The name at the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Settled => "settled",
            Self::Append => "append",
            Self::Verify => "verify",
            Self::Unsigned => "unsigned",
            Self::Lifecycles => "lifecycles",
            Self::RoundTrips => "round-trips",
            Self::Replay => "replay",
            Self::Latency => "latency",
            Self::Overload => "overload",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Group {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|group| group.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no measurement of this name; there are {names}")
        })
    }
}

/// What a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// For programs.
    pub name: &'static str,
    /// What it is measured with.
    pub group: Group,
    /// For people.
    pub what: &'static str,
    /// Of the figure and its samples.
    pub unit: &'static str,
    /// The figures that bound it, hardest first: floors for what is better when small, ceilings for what is better when large.
    pub against: &'static [&'static str],
}
