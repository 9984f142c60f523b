//! The lifecycle of an intent as a table. The machine takes no decision that [`edge`] does not have, and evolution no event that
//! [`step`] does not have, so what is printed from here is what happens.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::event::EventKind;
use crate::rejection::RejectionCode;
use crate::state::Status;

/// What can be asked about an intent, and the passing of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the command of the same name")]
pub enum CommandKind {
    Create,
    MarkScanned,
    Cancel,
    Submit,
    Refund,
    ReportSettlement,
    RequestLogin,
    Login,
    RegisterWebhook,
    ReportDelivery,
    Redeliver,
    GiveUpDelivery,
    Tick,
}

impl CommandKind {
    /// Every kind of command, the one that nobody sends last.
    pub const ALL: [Self; 13] = [
        Self::Create,
        Self::MarkScanned,
        Self::Cancel,
        Self::Submit,
        Self::Refund,
        Self::ReportSettlement,
        Self::RequestLogin,
        Self::Login,
        Self::RegisterWebhook,
        Self::ReportDelivery,
        Self::Redeliver,
        Self::GiveUpDelivery,
        Self::Tick,
    ];

    /// The name, as [`crate::command::Command::name`] has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::MarkScanned => "mark_scanned",
            Self::Cancel => "cancel",
            Self::Submit => "submit",
            Self::Refund => "refund",
            Self::ReportSettlement => "report_settlement",
            Self::RequestLogin => "request_login",
            Self::Login => "login",
            Self::RegisterWebhook => "register_webhook",
            Self::ReportDelivery => "report_delivery",
            Self::Redeliver => "redeliver",
            Self::GiveUpDelivery => "give_up_delivery",
            Self::Tick => "tick",
        }
    }
}

/// What a command does to an intent in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Whether the same request may have been carried out before; then it is answered again and leaves no trace.
    pub repeats: bool,
    /// What happens otherwise.
    pub outcome: Outcome,
}

/// What a command comes to that repeats nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The rules decide: one of these sequences of events, or a refusal that leaves no trace.
    Decided(&'static [&'static [EventKind]]),
    /// Refused in this state, whatever it says. What is recorded of that, if anything.
    Refused(RejectionCode, &'static [EventKind]),
    /// Nothing.
    Nothing,
}

/// What `command` does to an intent in state `from`; `None` is an intent that nobody created. Total: every pair is decided.
#[must_use]
pub fn edge(from: Option<Status>, command: CommandKind) -> Edge {
    use EventKind as E;
    use Outcome::{Decided, Nothing, Refused};
    use Status::{Canceled, Confirmed, Created, Expired, Failed, Rejected, Scheduled, Submitted, Verified};
    const LATE: &[EventKind] = &[EventKind::LateSubmissionRefused];
    let once = |outcome| Edge { repeats: false, outcome };
    let again = |outcome| Edge { repeats: true, outcome };
    let Some(from) = from else {
        return once(match command {
            CommandKind::Create => Decided(&[&[E::IntentCreated]]),
            CommandKind::RequestLogin => Decided(&[&[E::LoginRequested]]),
            CommandKind::MarkScanned
            | CommandKind::Cancel
            | CommandKind::Submit
            | CommandKind::Refund
            | CommandKind::ReportSettlement
            | CommandKind::Login
            | CommandKind::RegisterWebhook
            | CommandKind::ReportDelivery
            | CommandKind::Redeliver
            | CommandKind::GiveUpDelivery => Refused(RejectionCode::IntentNotFound, &[]),
            CommandKind::Tick => Nothing,
        });
    };
    match (command, from) {
        (CommandKind::Create | CommandKind::RequestLogin, Created) => {
            again(Refused(RejectionCode::TermsMismatch, &[]))
        }
        (
            CommandKind::Create | CommandKind::RequestLogin,
            Submitted | Verified | Scheduled | Confirmed | Canceled | Expired | Rejected | Failed,
        ) => once(Refused(closed(from), &[])),

        (CommandKind::MarkScanned, Created) => again(Decided(&[&[E::CodeScanned]])),
        // Somebody may pay with the bare id before the scan comes in; then it says nothing new.
        (CommandKind::MarkScanned, Submitted | Verified | Scheduled | Confirmed | Failed) => again(Nothing),
        (CommandKind::MarkScanned, Canceled | Expired | Rejected) => again(Refused(closed(from), &[])),

        (CommandKind::Cancel, Created) => once(Decided(&[&[E::IntentCanceled]])),
        (CommandKind::Cancel, Canceled) => again(Nothing),
        (CommandKind::Cancel, Submitted | Verified | Scheduled | Confirmed | Expired | Rejected | Failed) => {
            once(Refused(closed(from), &[]))
        }

        (CommandKind::Submit, Created) => once(Decided(&[
            &[E::IntentSubmitted, E::IntentVerified, E::IntentScheduled],
            &[E::IntentSubmitted, E::SubmissionRefused],
            &[E::IntentSubmitted, E::IntentRejected],
            // The deadline passed, and the tick that says so has not come yet.
            &[E::IntentExpired, E::LateSubmissionRefused],
        ])),
        (CommandKind::Submit, Submitted | Verified | Scheduled | Confirmed | Failed) => {
            again(Refused(closed(from), LATE))
        }
        (CommandKind::Submit, Canceled | Expired | Rejected) => once(Refused(closed(from), LATE)),

        (CommandKind::Refund, Created | Submitted | Verified | Scheduled) => {
            once(Refused(RejectionCode::IntentNotConfirmed, &[]))
        }
        (CommandKind::Refund, Confirmed) => again(Decided(&[&[E::RefundScheduled]])),
        (CommandKind::Refund, Canceled | Expired | Rejected | Failed) => once(Refused(closed(from), &[])),

        (CommandKind::ReportSettlement, Created | Submitted | Verified | Canceled | Expired | Rejected) => {
            once(Refused(RejectionCode::IntentNotScheduled, &[]))
        }
        (CommandKind::ReportSettlement, Scheduled) => again(Decided(&[
            &[E::AttemptSent],
            &[E::AttemptIndeterminate],
            &[E::AttemptFailed],
            &[E::TransactionSettled],
            &[E::TransactionSettled, E::IntentConfirmed],
            &[E::TransactionFailed, E::IntentFailed],
            &[E::SettlementContradicted],
        ])),
        (CommandKind::ReportSettlement, Confirmed) => again(Decided(&[
            &[E::AttemptSent],
            &[E::AttemptIndeterminate],
            &[E::AttemptFailed],
            &[E::RefundConfirmed],
            &[E::RefundFailed],
            &[E::SettlementContradicted],
        ])),
        (CommandKind::ReportSettlement, Failed) => again(Decided(&[&[E::SettlementContradicted]])),

        (CommandKind::Login, Created) => once(Decided(&[&[E::LoggedIn]])),
        (CommandKind::Login, Confirmed) => again(Decided(&[])),
        (CommandKind::Login, Submitted | Verified | Scheduled | Canceled | Expired | Rejected | Failed) => {
            once(Decided(&[]))
        }

        (CommandKind::RegisterWebhook, Created) => again(Decided(&[&[E::WebhookRegistered]])),
        (
            CommandKind::RegisterWebhook,
            Submitted | Verified | Scheduled | Confirmed | Canceled | Expired | Rejected | Failed,
        ) => again(Refused(closed(from), &[])),

        (
            CommandKind::ReportDelivery | CommandKind::Redeliver | CommandKind::GiveUpDelivery,
            Created | Submitted | Verified | Canceled | Expired | Rejected,
        ) => once(Refused(RejectionCode::WebhookNotArmed, &[])),
        (CommandKind::ReportDelivery, Scheduled | Confirmed | Failed) => {
            again(Decided(&[&[E::WebhookDelivered], &[E::WebhookAttemptFailed]]))
        }
        (CommandKind::Redeliver, Scheduled | Confirmed | Failed) => {
            once(Decided(&[&[E::WebhookRedeliveryOrdered]]))
        }
        (CommandKind::GiveUpDelivery, Scheduled | Confirmed | Failed) => {
            once(Decided(&[&[E::WebhookAttemptFailed]]))
        }

        (CommandKind::Tick, Created) => once(Decided(&[&[E::IntentExpired]])),
        (
            CommandKind::Tick,
            Submitted | Verified | Scheduled | Confirmed | Canceled | Expired | Rejected | Failed,
        ) => once(Nothing),
    }
}

/// The state that `event` brings an intent into from `from`; `None` when it cannot follow there. `None` as `from` is an intent
/// that nobody created.
#[must_use]
pub fn step(from: Option<Status>, event: EventKind) -> Option<Status> {
    use EventKind as E;
    use Status::{Canceled, Confirmed, Created, Expired, Failed, Rejected, Scheduled, Submitted, Verified};
    // From these states, to that one; the second `None` means that the state stays.
    let (from_these, to): (&[Option<Status>], Option<Status>) = match event {
        E::IntentCreated | E::LoginRequested => (&[None], Some(Created)),
        E::LoggedIn => (&[Some(Created)], Some(Confirmed)),
        E::WebhookRegistered => (&[Some(Created)], None),
        E::WebhookDelivered | E::WebhookAttemptFailed | E::WebhookRedeliveryOrdered => {
            (&[Some(Scheduled), Some(Confirmed), Some(Failed)], None)
        }
        E::CodeScanned => (&[Some(Created)], None),
        E::IntentCanceled => (&[Some(Created)], Some(Canceled)),
        E::IntentExpired => (&[Some(Created)], Some(Expired)),
        E::IntentSubmitted => (&[Some(Created)], Some(Submitted)),
        E::SubmissionRefused => (&[Some(Submitted)], Some(Created)),
        E::IntentRejected => (&[Some(Submitted)], Some(Rejected)),
        E::IntentVerified => (&[Some(Submitted)], Some(Verified)),
        E::IntentScheduled => (&[Some(Verified)], Some(Scheduled)),
        E::TransactionSettled | E::TransactionFailed => (&[Some(Scheduled)], None),
        E::AttemptSent | E::AttemptIndeterminate | E::AttemptFailed => {
            (&[Some(Scheduled), Some(Confirmed)], None)
        }
        E::IntentConfirmed => (&[Some(Scheduled)], Some(Confirmed)),
        E::IntentFailed => (&[Some(Scheduled)], Some(Failed)),
        E::SettlementContradicted => (&[Some(Scheduled), Some(Confirmed), Some(Failed)], None),
        E::RefundScheduled | E::RefundConfirmed | E::RefundFailed => (&[Some(Confirmed)], None),
        E::LateSubmissionRefused => (
            &[
                Some(Submitted),
                Some(Verified),
                Some(Scheduled),
                Some(Confirmed),
                Some(Canceled),
                Some(Expired),
                Some(Rejected),
                Some(Failed),
            ],
            None,
        ),
        // Not about an intent.
        E::NodeInitialized
        | E::PolicySet
        | E::RatesPublished
        | E::FundsDeposited
        | E::WithdrawalScheduled
        | E::WithdrawalConfirmed
        | E::WithdrawalFailed
        | E::RelationshipEstablished => (&[], None),
    };
    from_these.contains(&from).then_some(to.or(from)).flatten()
}

/// Why an intent in this state takes no request and no payment. Of an open one: the request is not the one that opened it.
pub(crate) fn closed(status: Status) -> RejectionCode {
    match status {
        Status::Created => RejectionCode::TermsMismatch,
        Status::Submitted | Status::Verified | Status::Scheduled | Status::Confirmed => {
            RejectionCode::IntentAlreadySubmitted
        }
        Status::Canceled => RejectionCode::IntentCanceled,
        Status::Expired => RejectionCode::IntentExpired,
        Status::Rejected => RejectionCode::IntentRejected,
        Status::Failed => RejectionCode::IntentFailed,
    }
}

/// Every step, by the states it joins: the events that make it, in the order of [`EventKind::ALL`].
#[must_use]
pub fn steps() -> BTreeMap<(Option<Status>, Status), Vec<EventKind>> {
    let mut steps: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for from in [None].into_iter().chain(Status::ALL.map(Some)) {
        for event in EventKind::ALL {
            if let Some(to) = step(from, *event) {
                steps.entry((from, to)).or_default().push(*event);
            }
        }
    }
    steps
}

/// The steps as a Mermaid state diagram. Left out is what is only noted and can come in many states: payments that come too
/// late, rails that contradict themselves, and webhooks.
#[must_use]
pub fn mermaid() -> String {
    let mut lines = alloc::vec![String::from("stateDiagram-v2")];
    for ((from, to), events) in steps() {
        let noted = |event: &&EventKind| {
            matches!(
                event,
                EventKind::LateSubmissionRefused
                    | EventKind::SettlementContradicted
                    | EventKind::WebhookRegistered
                    | EventKind::WebhookDelivered
                    | EventKind::WebhookAttemptFailed
                    | EventKind::WebhookRedeliveryOrdered
            )
        };
        let labels: Vec<_> = events.iter().filter(|event| !noted(event)).map(|event| event.label()).collect();
        if !labels.is_empty() {
            let from = from.map_or("[*]", Status::name);
            lines.push(alloc::format!("    {from} --> {}: {}", to.name(), labels.join(" / ")));
        }
    }
    for status in Status::ALL.into_iter().filter(|status| status.is_terminal()) {
        lines.push(alloc::format!("    {} --> [*]", status.name()));
    }
    lines.join("\n")
}
