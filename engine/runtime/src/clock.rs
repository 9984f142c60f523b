use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quittance_core::ids::Timestamp;

/// The two clocks that the engine's time is made of. The engine asks for the first before it asks for the second.
pub trait Clock: Debug + Send + Sync {
    /// Now, by a clock that may be wrong and may jump.
    fn now(&self) -> Timestamp;

    /// How long it has been since some moment that stays the same, by a clock that nobody sets: it never falls and never
    /// jumps. At best it goes on while the machine is suspended.
    fn steady(&self) -> Duration;
}

/// The system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    // `Instant` stands still while the machine is suspended, there and on Linux.
    #[cfg(not(target_os = "linux"))]
    fn steady(&self) -> Duration {
        static BEGUN: std::sync::LazyLock<std::time::Instant> =
            std::sync::LazyLock::new(std::time::Instant::now);
        BEGUN.elapsed()
    }

    #[cfg(target_os = "linux")]
    fn steady(&self) -> Duration {
        let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::try_from(since_boot).unwrap_or_default()
    }
}

/// Clocks that stand still until they are moved, for tests. Clones are the same clocks.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    now: AtomicU64,
    steady: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Shown { now: AtomicU64::new(now.0), steady: AtomicU64::new(0) }))
    }

    /// Lets time pass: moves both clocks on.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        // In this order nobody meets a clock that has moved on further than the steady one.
        self.0.steady.fetch_add(by, Ordering::SeqCst);
        self.0.now.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets the clock, to any time, as an operator or NTP does. No time passes.
    pub fn set(&self, now: Timestamp) {
        self.0.now.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.now.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Duration {
        Duration::from_micros(self.0.steady.load(Ordering::SeqCst))
    }
}
