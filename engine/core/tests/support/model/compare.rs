//! Whether the core knows what the model knows.

use quittance_core::event::AttemptState;
use quittance_core::state::{self, State};

use super::rail::Attempts;
use super::{Intent, Model, wide};

impl Model {
    /// Whether the core says the same.
    ///
    /// # Panics
    /// It does not: names what differs.
    pub(crate) fn compare(&self, state: &State) {
        assert_eq!(self.policy_version, state.policy_version(), "policy version");
        assert_eq!(self.tables.len(), state.rates().tables().count(), "rate tables kept");
        assert_eq!(self.deposited, state.ledger().deposited(), "deposited");
        assert_eq!(self.withdrawn, state.ledger().withdrawn(), "withdrawn");
        for id in self.accounts.keys().chain(state.ledger().accounts().map(|(id, _)| id)) {
            let model = self.accounts.get(id).copied().unwrap_or_default();
            let core = state.ledger().account(id);
            assert_eq!(model.balance, wide(core.balance), "balance of {id:?}");
            assert_eq!(model.reserved, wide(core.reserved), "reserved of {id:?}");
        }
        assert!(self.withdrawals.keys().eq(state.withdrawals().map(|(id, _)| id)), "withdrawals");
        for ((id, model), (_, core)) in self.withdrawals.iter().zip(state.withdrawals()) {
            model.attempts.compare(&core.progress, &format!("withdrawal {id:?}"));
        }
        assert_eq!(self.known_as.len(), state.relationships().iter().count(), "relationships");
        for ((owner, domain), account) in &self.known_as {
            assert_eq!(state.relationships().of(owner, domain), Some(*account), "{owner:?} at {domain}");
        }
        assert!(self.intents.keys().eq(state.intents().map(|(id, _)| id)), "intents");
        for ((id, model), (_, core)) in self.intents.iter().zip(state.intents()) {
            model.compare(core, &format!("intent {id:?}"));
        }
        let all = || self.intents.values();
        let undelivered = all().filter(|intent| intent.is_over() && intent.is_to_be_told()).count();
        assert_eq!(undelivered, state.undelivered(), "intents that only wait for their webhook");
        let open = all().filter(|intent| !intent.is_over() || intent.is_to_be_told()).count();
        assert_eq!(open, state.open(), "open intents");
    }
}

impl Intent {
    /// Nothing can happen to the money any more.
    fn is_over(&self) -> bool {
        let said = |(_, said): &(_, Attempts)| {
            said.states.iter().any(|state| matches!(state, AttemptState::Settled | AttemptState::Failed))
        };
        self.status.is_terminal() && self.refunds.iter().all(said)
    }

    fn is_to_be_told(&self) -> bool {
        self.hook.as_ref().is_some_and(|hook| hook.due.is_some())
    }

    fn compare(&self, core: &state::Intent, name: &str) {
        assert_eq!(self.status.name(), core.status().name(), "status of {name}");
        assert_eq!(Ok(self.revision), usize::try_from(core.revision.0), "revision of {name}");
        assert_eq!(self.refusals, core.refusals, "refusals of {name}");
        assert_eq!(self.scanned, core.scanned.is_some(), "scanned of {name}");
        let transactions = core.settlement().map_or(0, |settlement| settlement.transactions.len());
        assert_eq!(usize::from(self.paid.is_some()), transactions, "transactions of {name}");
        if let (Some(model), Some(core)) = (&self.paid, core.settlement()) {
            model.attempts.compare(&core.transactions[0].progress, &format!("the payment of {name}"));
        }
        assert_eq!(self.user, core.logged_in().map(|login| login.user), "user of {name}");
        let told = core.webhook.as_ref().map(|hook| (hook.attempts.len(), hook.due().map(|due| due.0)));
        let hook = self.hook.as_ref().map(|hook| (hook.attempts, hook.due.map(|(_, due)| due)));
        assert_eq!(hook, told, "webhook of {name}");
        assert_eq!(self.refunds.len(), core.refunds.len(), "refunds of {name}");
        for ((refund, model), core) in self.refunds.iter().zip(&core.refunds) {
            assert_eq!(*refund, core.refund, "refund of {name}");
            model.compare(&core.progress, &format!("refund {:?} of {name}", refund.key));
        }
    }
}

impl Attempts {
    fn compare(&self, core: &state::Progress, name: &str) {
        let states: Vec<AttemptState> = core.attempts().iter().map(|attempt| attempt.state).collect();
        assert_eq!(self.states, states, "attempts at {name}");
        assert_eq!(self.contradictions, core.contradictions(), "contradictions about {name}");
    }
}
