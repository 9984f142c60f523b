use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quittance_core::command::Unproven;
use quittance_core::ids::IntentId;
use tokio::time::Instant;

/// How long a scan waits for the request that its code belongs to.
const MEMORY: Duration = Duration::from_secs(10 * 60);

/// The most scans that wait; behind these the oldest is forgotten.
const MAX_SCANS: usize = 4096;

/// The longest scan that is kept, with everything that could be what was signed. The protocol's own has some 30 bytes.
const MAX_LEN: usize = 512;

/// Scans of codes whose request has not come yet: a payer's app can be faster than a merchant's server. Each is signed by its
/// code's key; a restart forgets them.
#[derive(Debug, Clone, Default)]
pub(super) struct EarlyScans(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    latest: HashMap<IntentId, (Instant, Unproven)>,
    /// In order of time, those that were taken or came again included.
    order: VecDeque<(Instant, IntentId)>,
}

impl EarlyScans {
    /// Remembers a scan whose signature was checked.
    pub(super) fn remember(&self, intent: IntentId, signed: &Unproven) {
        if signed.candidates.iter().map(Vec::len).sum::<usize>() > MAX_LEN {
            return;
        }
        let now = Instant::now();
        let mut state = self.state();
        state.latest.insert(intent, (now, signed.clone()));
        state.order.push_back((now, intent));
        while let Some((at, oldest)) = state.order.front().copied()
            && (state.order.len() > MAX_SCANS || now.duration_since(at) >= MEMORY)
        {
            state.order.pop_front();
            if state.latest.get(&oldest).is_some_and(|(latest, _)| *latest == at) {
                state.latest.remove(&oldest);
            }
        }
    }

    /// The scan that waits for this intent; it does not any longer.
    pub(super) fn take(&self, intent: IntentId) -> Option<Unproven> {
        let (at, signed) = self.state().latest.remove(&intent)?;
        (at.elapsed() < MEMORY).then_some(signed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use quittance_core::event::SignedForm;
    use quittance_core::ids::Signature;

    use super::*;

    fn scan(len: usize) -> Unproven {
        let (form, signature) = (SignedForm::CodeMessage, Signature([1; 64]));
        Unproven { form, candidates: vec![vec![7; len]], signature }
    }

    fn intent(n: usize) -> IntentId {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(n as u64).to_le_bytes());
        IntentId(key)
    }

    /// Lost if this fails: strangers fill the memory with scans of codes that nobody has made.
    #[tokio::test(start_paused = true)]
    async fn a_scan_waits_ten_minutes_and_only_so_many_wait() {
        let scans = EarlyScans::default();
        scans.remember(intent(1), &scan(30));
        scans.remember(intent(2), &scan(MAX_LEN + 1));
        assert_eq!((scans.take(intent(1)), scans.take(intent(1))), (Some(scan(30)), None));
        assert_eq!(scans.take(intent(2)), None, "too long to keep");
        scans.remember(intent(1), &scan(30));
        tokio::time::advance(MEMORY).await;
        scans.remember(intent(3), &scan(30));
        assert_eq!(scans.take(intent(1)), None);
        for n in 0..MAX_SCANS + 5 {
            scans.remember(intent(n), &scan(30));
            scans.remember(intent(n), &scan(30));
        }
        let latest = scans.state().latest.len();
        let order = scans.state().order.len();
        assert!(latest <= MAX_SCANS && order <= MAX_SCANS, "{latest} {order}");
        assert!(scans.take(intent(0)).is_none() && scans.take(intent(MAX_SCANS + 4)).is_some());
    }
}
