//! The faults that the page, the command line and the tests can switch on.

use std::{collections::BTreeMap, ops::Range};

use super::{
    Simulator,
    feed::{FaultState, FeedEvent, Group},
    history::History,
};

/// What this Meta can do wrong, and the rules of the real one, which are off in tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A send is accepted, and a gateway loses the answer.
    LoseAnswer,
    /// A send is accepted and answered after this many milliseconds.
    AnswerLate,
    /// A send is rejected with this status.
    ServerError,
    /// A send is rejected with 429 and this many seconds in `Retry-After`.
    RateLimit,
    /// A send is rejected with 190, as after a rotation of the token.
    RefuseToken,
    /// A send is accepted, then reported as failed with this code.
    FailSend,
    /// A webhook is delivered twice.
    RepeatWebhook,
    /// A webhook is overtaken by the next one.
    ReorderWebhooks,
    /// This many webhooks come in one.
    BatchWebhooks,
    /// Media calls are answered after this many milliseconds.
    SlowMedia,
    /// Rule: statuses of a send come by themselves.
    AutomaticStatuses,
    /// Rule: 24 hours after the last message of a person only templates arrive (131047).
    Window,
    /// Rule: text with a category goes out without a template, also outside of the window; or it is refused with this code. Off: 100.
    DirectSend,
    /// Rule: one message in 6 seconds to one person, 45 at once (131056).
    PairLimit,
    /// Rule: this many messages a second, in and out (130429).
    Throughput,
}

/// Every time, from the next one on.
pub const ALWAYS: Range<usize> = 0..usize::MAX;

/// The faults that are switched on.
#[derive(Debug)]
pub(super) struct Faults(BTreeMap<Fault, Switch>);

#[derive(Debug, Clone)]
struct Switch {
    which: Range<usize>,
    value: u32,
}

impl Fault {
    /// All of them, in the order of the panel.
    pub const ALL: [Self; 15] = [
        Self::LoseAnswer,
        Self::AnswerLate,
        Self::ServerError,
        Self::RateLimit,
        Self::RefuseToken,
        Self::FailSend,
        Self::RepeatWebhook,
        Self::ReorderWebhooks,
        Self::BatchWebhooks,
        Self::SlowMedia,
        Self::AutomaticStatuses,
        Self::Window,
        Self::DirectSend,
        Self::PairLimit,
        Self::Throughput,
    ];

    /// Returns its name, its title on the panel, and what it does.
    #[must_use]
    pub fn labels(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::LoseAnswer => {
                ("lose_answer", "Lose the answer", "Meta takes the message, and a gateway loses the answer (502).")
            }
            Self::AnswerLate => ("answer_late", "Answer late", "Meta takes the message and answers after a while."),
            Self::ServerError => ("server_error", "Server error", "Meta does not take the message and answers 5xx."),
            Self::RateLimit => ("rate_limit", "Too many requests", "Meta answers 429 with Retry-After."),
            Self::RefuseToken => {
                ("refuse_token", "Refuse the token", "Meta answers 190, as after a rotation of the token.")
            }
            Self::FailSend => ("fail_send", "Fail later", "Meta takes the message, then reports it as failed."),
            Self::RepeatWebhook => ("repeat_webhook", "Repeat webhooks", "Each webhook is delivered twice."),
            Self::ReorderWebhooks => {
                ("reorder_webhooks", "Reorder webhooks", "A webhook is overtaken by the next one.")
            }
            Self::BatchWebhooks => {
                ("batch_webhooks", "Batch webhooks", "So many webhooks come in one, or all of a second.")
            }
            Self::SlowMedia => ("slow_media", "Slow media", "Upload, lookup and download of files take a while."),
            Self::AutomaticStatuses => {
                ("automatic_statuses", "Report statuses", "sent, delivered and read follow each message by themselves.")
            }
            Self::Window => {
                ("window", "24-hour window", "After it only templates arrive; the rest fails later with 131047.")
            }
            Self::DirectSend => {
                ("direct_send", "Direct Send", "Text with a category needs no template; or it is refused with a code.")
            }
            Self::PairLimit => {
                ("pair_limit", "Pair limit", "One message in 6 seconds to one person, 45 at once; then 131056.")
            }
            Self::Throughput => ("throughput", "Throughput limit", "Messages in and out; then 130429."),
        }
    }

    /// Returns the fault with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.labels().0 == name)
    }

    fn group(self) -> Group {
        match self {
            Self::LoseAnswer
            | Self::AnswerLate
            | Self::ServerError
            | Self::RateLimit
            | Self::RefuseToken
            | Self::FailSend => Group::Sends,
            Self::RepeatWebhook | Self::ReorderWebhooks | Self::BatchWebhooks => Group::Webhooks,
            Self::SlowMedia => Group::Media,
            Self::AutomaticStatuses | Self::Window | Self::DirectSend | Self::PairLimit | Self::Throughput => {
                Group::Rules
            }
        }
    }

    /// Returns the default value, its unit and the allowed values.
    fn value(self) -> Option<(u32, &'static str, Range<u32>)> {
        match self {
            Self::AnswerLate | Self::SlowMedia => Some((5_000, "milliseconds", 1..600_001)),
            Self::ServerError => Some((503, "status", 500..600)),
            Self::RateLimit => Some((2, "seconds", 1..3_601)),
            Self::DirectSend => Some((0, "code, 0 for none", 0..10_000_000)),
            Self::FailSend => Some((131_026, "code", 1..10_000_000)),
            Self::BatchWebhooks => Some((3, "webhooks", 2..1_001)),
            // https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput
            Self::Throughput => Some((80, "a second", 1..1_001)),
            Self::LoseAnswer
            | Self::RefuseToken
            | Self::RepeatWebhook
            | Self::ReorderWebhooks
            | Self::AutomaticStatuses
            | Self::Window
            | Self::PairLimit => None,
        }
    }
}

impl Simulator {
    /// Switches a fault on for the next times: `0..1` once, `1..2` only the second time, [`ALWAYS`]; `0..0` switches it off.
    pub fn misbehave(&self, fault: Fault, which: Range<usize>) {
        self.change(|state| state.faults.switch(fault, which, None, &mut state.history));
    }

    /// Switches a fault on with another value than the default.
    ///
    /// # Errors
    /// When the fault has no value, or does not allow this one.
    pub fn misbehave_by(&self, fault: Fault, value: u32, which: Range<usize>) -> Result<(), String> {
        let (name, ..) = fault.labels();
        match fault.value() {
            Some((_, _, range)) if range.contains(&value) => {
                self.change(|state| state.faults.switch(fault, which, Some(value), &mut state.history));
                Ok(())
            }
            Some((_, unit, range)) => {
                Err(format!("{name} takes {} to {} {unit}, and not {value}", range.start, range.end - 1))
            }
            None => Err(format!("{name} takes no value")),
        }
    }

    /// Returns all faults, and whether they are switched on.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultState> {
        self.state().faults.states()
    }

    /// Accepts these of the next messages, but loses the answers in a gateway.
    pub fn lose_answers(&self, which: Range<usize>) {
        self.misbehave(Fault::LoseAnswer, which);
    }

    /// Returns the times at which this fault strikes.
    pub(super) fn switched(&self, fault: Fault) -> Range<usize> {
        self.state().faults.switched(fault)
    }
}

impl Faults {
    /// Returns faults that are all switched off.
    pub(super) fn none(history: &mut History) -> Self {
        let faults = Self(BTreeMap::new());
        faults.show(history);
        faults
    }

    /// Switches a fault on or off. Without a value it keeps that of the last time.
    fn switch(&mut self, fault: Fault, which: Range<usize>, value: Option<u32>, history: &mut History) {
        let default = || fault.value().map_or(0, |(default, ..)| default);
        let value = value.or_else(|| self.0.get(&fault).map(|switch| switch.value)).unwrap_or_else(default);
        self.0.insert(fault, Switch { which, value });
        self.show(history);
    }

    /// Returns the value of the fault if it strikes now. Each call counts as one time.
    pub(super) fn strikes(&mut self, fault: Fault, history: &mut History) -> Option<u32> {
        let switch = self.0.get_mut(&fault).filter(|switch| switch.which.end > 0)?;
        let Range { start, end } = switch.which;
        let value = switch.value;
        if end < usize::MAX || start > 0 {
            switch.which = start.saturating_sub(1)..if end < usize::MAX { end - 1 } else { end };
            self.show(history);
        }
        (start == 0).then_some(value)
    }

    fn switched(&self, fault: Fault) -> Range<usize> {
        self.0.get(&fault).map_or(0..0, |switch| switch.which.clone())
    }

    fn show(&self, history: &mut History) {
        history.record(FeedEvent::Faults { faults: self.states() });
    }

    fn states(&self) -> Vec<FaultState> {
        let show = |fault: Fault| {
            let (name, title, help) = fault.labels();
            let switch = self.0.get(&fault);
            let times = match self.switched(fault) {
                Range { end: usize::MAX, .. } => None,
                Range { start, end } => Some(end.saturating_sub(start)),
            };
            let parameter = fault.value();
            let value = parameter.as_ref().map(|(default, ..)| switch.map_or(*default, |switch| switch.value));
            FaultState {
                name,
                title,
                help,
                group: fault.group(),
                times,
                value,
                unit: parameter.map(|(_, unit, _)| unit),
            }
        };
        Fault::ALL.into_iter().map(show).collect()
    }
}
