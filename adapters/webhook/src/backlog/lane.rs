use std::collections::VecDeque;
use std::sync::Arc;

/// Whether a host answered the last time it was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Answering,
    /// It did not, or was not called yet.
    Other,
}

/// One for hosts that answer and one for the others.
#[derive(Debug, Default)]
pub(crate) struct Both<T> {
    pub(crate) answering: T,
    pub(crate) others: T,
}

/// Who of one standing takes turns, and how much of it waits and is under way.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Each once.
    pub(crate) turns: VecDeque<Arc<str>>,
    /// Whether it has its own turn among those above it.
    pub(crate) queued: bool,
    pub(crate) running: usize,
    pub(crate) gate: Gate,
}

/// So many wait; whether others were turned away since there was room again.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    waiting: usize,
    turned_away: bool,
}

impl Standing {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Answering => Self::Other,
            Self::Other => Self::Answering,
        }
    }
}

impl<T> Both<T> {
    pub(crate) fn get(&self, standing: Standing) -> &T {
        match standing {
            Standing::Answering => &self.answering,
            Standing::Other => &self.others,
        }
    }

    pub(crate) fn of(&mut self, standing: Standing) -> &mut T {
        match standing {
            Standing::Answering => &mut self.answering,
            Standing::Other => &mut self.others,
        }
    }
}

impl Lane {
    /// One that waited is under way; whether there is room again.
    pub(crate) fn begin(&mut self, most: usize) -> bool {
        self.running += 1;
        self.gate.leave(1, most)
    }
}

impl Gate {
    pub(crate) fn admits(&mut self, most: usize) -> bool {
        let room = self.waiting < most;
        self.turned_away |= !room;
        room
    }

    pub(crate) fn enter(&mut self, more: usize) {
        self.waiting += more;
    }

    /// Some wait no longer; whether it is worth looking for those that were turned away: when half of the room is free.
    pub(crate) fn leave(&mut self, fewer: usize, most: usize) -> bool {
        self.waiting -= fewer;
        let room = self.turned_away && self.waiting <= most / 2;
        self.turned_away &= !room;
        room
    }
}
