use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use quittance_core::command::Command;
use quittance_core::ids::{AccountId, Timestamp};
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::state::State;
use quittance_core::verify::MAX_SIGNED_BYTES;

/// How much of what strangers get for nothing an engine lets in: intents, and accounts that sites know their users by. Everything
/// else that a stranger can have recorded is bounded for each intent by the policy.
///
/// Each counts once for every KiB that was signed, begun or whole: by the protocol a message may be padded with what nobody reads,
/// and is kept as it was signed.
///
/// What repeats a request that was carried out, and what the rules refuse, is not counted. What is over a limit is refused as
/// `node_overloaded`, before it is decided and without a trace, and can be asked again a second later. The default limits nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// New ones a second, all together: no faster can the log be filled from outside. A second's worth may come at once.
    pub new_per_second: Option<NonZeroU32>,
    /// New payments a minute for one destination. Half a minute's worth may come at once.
    pub per_destination_per_minute: Option<NonZeroU32>,
    /// Intents that are open at one time: a payer can still come, or a rail still has something to say. With
    /// [`Self::max_undelivered`] this is what memory follows.
    ///
    /// Whoever asks for a deadline beyond the policy's own lifetime takes up that room for longer and with fewer requests, so
    /// these get an eighth of it each time over: one of a month counts as much as 720 of an hour. When their share is used up,
    /// intents with the policy's lifetime still come in.
    pub max_open: Option<usize>,
    /// Intents that have ended but for a webhook that is still to be called. When more wait, whoever delivers gives up some, of
    /// the sites that have most of them waiting: a dead host keeps nobody from asking for a payment. Where nobody does, and twice
    /// as many wait, nothing new comes in.
    pub max_undelivered: Option<usize>,
}

/// The bytes that one takes of a limit.
const UNIT_BYTES: usize = 1024;
/// The most of them that one takes: the largest message, and a consent beside it.
const MAX_UNITS: u32 = 8;
const _: () = assert!(2 * MAX_SIGNED_BYTES <= MAX_UNITS as usize * UNIT_BYTES);

/// The most destinations whose rate is kept. Where more are busy at once, the others share one.
const MAX_DESTINATIONS: usize = 65_536;

/// The part of the open intents that may have longer deadlines than the policy's own. Lifetimes from an hour to a month, each
/// asked for as early as pays, add up to 1 + ln 720 = 7.6 shares at one time: still not all.
const LONG_SHARE: usize = 8;

/// What is to be counted once it is carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge {
    destination: Option<AccountId>,
    /// Of [`UNIT_BYTES`] each, what is begun counted whole; 1 to [`MAX_UNITS`].
    units: u32,
    /// How long it may be open, and the policy's own lifetime, where the first is longer.
    long: Option<(Duration, Duration)>,
}

/// An [`Admission`] at work.
#[derive(Debug)]
pub(crate) struct Door {
    limits: Admission,
    all: Bucket,
    destinations: HashMap<AccountId, Bucket>,
    others: Bucket,
    long: Bucket,
}

impl Door {
    pub(crate) fn new(limits: Admission) -> Self {
        let bucket = Bucket::default();
        Self { limits, all: bucket, destinations: HashMap::new(), others: bucket, long: bucket }
    }

    /// Lets a command in, or says which limit it meets. What is to be charged once it is carried out; `None` where nothing is.
    pub(crate) fn admit(
        &mut self,
        state: &State,
        command: &Command,
        now: Timestamp,
    ) -> Result<Option<Charge>, Rejection> {
        let (destination, deadline, bytes) = match command {
            Command::Create(create) if state.intent(&create.get().intent).is_none() => {
                let (terms, authorization) = (&create.get().terms, &create.get().authorization);
                (Some(terms.destination), terms.expires_at, authorization.signed.len())
            }
            Command::RequestLogin(request) if state.intent(&request.get().intent).is_none() => {
                (None, None, request.get().authorization.signed.len())
            }
            Command::EstablishRelationship(wish)
                if state.relationships().get(&wish.get().authority).is_none() =>
            {
                let (wished, consent) = (&wish.get().authorization, &wish.get().consent);
                (None, None, wished.signed.len() + consent.signed.len())
            }
            _ => return Ok(None),
        };
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(MAX_UNITS).clamp(1, MAX_UNITS);
        let undelivered = state.undelivered();
        let open = state.open().saturating_sub(undelivered);
        if let Some(most) = self.limits.max_open.filter(|most| open >= *most) {
            return Err(overloaded("intents", format!("fewer than {most} open intents"), open));
        }
        let most = self.limits.max_undelivered.map(|most| most.saturating_mul(2));
        if let Some(most) = most.filter(|most| undelivered > *most) {
            let expected = format!("at most {most} intents whose webhook is still to be called");
            return Err(overloaded("webhooks", expected, undelivered));
        }
        if let Some((most, rate)) = self.all_rate()
            && !self.all.has_room(rate, now)
        {
            return Err(overloaded("intents", format!("at most {most} new ones a second"), "more"));
        }
        if let (Some(destination), Some((most, rate))) = (destination, self.each_rate())
            && !self.bucket(destination, now).has_room(rate, now)
        {
            let expected = format!("at most {most} new intents a minute");
            return Err(overloaded("terms.destination", expected, "more"));
        }
        let usual = state.policy().intent_lifetime;
        // What lies beyond the policy's latest is the rules' to refuse.
        let longest = state.policy().max_intent_lifetime;
        let long = deadline.map(|at| at.since(now).min(longest)).filter(|open_for| *open_for > usual);
        if let (Some(open_for), Some(rate)) = (long, self.long_rate(longest, usual))
            && !self.long.has_room(rate, now)
        {
            let expected = format!("a deadline within {} s: too many ask for longer", usual.as_secs());
            return Err(overloaded("expires_at", expected, format!("{} s", open_for.as_secs())));
        }
        Ok(Some(Charge { destination, units, long: long.map(|open_for| (open_for, usual)) }))
    }

    /// Counts what was carried out.
    pub(crate) fn charge(&mut self, charge: Charge, now: Timestamp) {
        if let Some((_, rate)) = self.all_rate() {
            self.all.take(rate, charge.units, now);
        }
        if let (Some(destination), Some((_, rate))) = (charge.destination, self.each_rate()) {
            self.bucket(destination, now).take(rate, charge.units, now);
        }
        if let Some((open_for, usual)) = charge.long
            && let Some(rate) = self.long_rate(open_for, usual)
        {
            self.long.take(rate, charge.units, now);
        }
    }

    fn all_rate(&self) -> Option<(NonZeroU32, Rate)> {
        let most = self.limits.new_per_second?;
        Some((most, Rate::new(most, Duration::from_secs(1), most)))
    }

    fn each_rate(&self) -> Option<(NonZeroU32, Rate)> {
        let most = self.limits.per_destination_per_minute?;
        let half = NonZeroU32::MIN.saturating_add(most.get() / 2);
        Some((most, Rate::new(most, Duration::from_secs(60), half)))
    }

    /// Each takes as much of the bucket's time as it takes of its share; a usual lifetime's worth may come at once.
    fn long_rate(&self, open_for: Duration, usual: Duration) -> Option<Rate> {
        let share = u32::try_from(self.limits.max_open? / LONG_SHARE).unwrap_or(u32::MAX).max(1);
        Some(Rate { each: open_for / share, ahead: usual })
    }

    fn bucket(&mut self, destination: AccountId, now: Timestamp) -> &mut Bucket {
        if self.destinations.len() >= MAX_DESTINATIONS && !self.destinations.contains_key(&destination) {
            self.destinations.retain(|_, bucket| bucket.busy_until > now);
            if self.destinations.len() >= MAX_DESTINATIONS {
                return &mut self.others;
            }
        }
        self.destinations.entry(destination).or_default()
    }
}

fn overloaded(field: &str, expected: String, got: impl ToString) -> Rejection {
    Rejection::new(RejectionCode::NodeOverloaded, field, expected, got)
}

/// One at a time, each taking a while, and a few of them ahead of time.
#[derive(Clone, Copy, Debug)]
struct Rate {
    each: Duration,
    ahead: Duration,
}

impl Rate {
    fn new(most: NonZeroU32, per: Duration, burst: NonZeroU32) -> Self {
        let each = per / most.get();
        Self { each, ahead: each * (burst.get() - 1) }
    }
}

/// How far a rate is used up (the generic cell rate algorithm, ITU-T I.371).
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    busy_until: Timestamp,
}

impl Bucket {
    fn has_room(&mut self, rate: Rate, now: Timestamp) -> bool {
        let busy = self.busy_until.since(now);
        // More than can be taken ahead of time: the clock was set back.
        if busy > rate.ahead + rate.each * MAX_UNITS {
            self.busy_until = now;
            return true;
        }
        busy <= rate.ahead
    }

    fn take(&mut self, rate: Rate, units: u32, now: Timestamp) {
        self.busy_until = self.busy_until.max(now).saturating_add(rate.each * units);
    }
}
