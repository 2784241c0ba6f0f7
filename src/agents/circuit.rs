//! A circuit breaker: an agent that is down is not asked again and again, which would keep it down and cost a timeout each time.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{AgentError, Answer};
use crate::{conversation::TurnId, retry::until};

/// Failed questions in a row after which the agent is left alone. A question that keeps failing counts once: it may itself be the
/// cause.
const MAX_FAILURES: u32 = 5;
/// How long the agent is left alone. Then one question shows whether it is back.
const REST: Duration = Duration::from_secs(10);

/// What this instance knows of the agent's health.
#[derive(Debug, Default)]
pub(crate) struct Circuit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    last: Option<TurnId>,
    resting_until: Option<Instant>,
}

impl Circuit {
    /// Whether the agent may be asked now. After a rest, one question is let through at a time.
    ///
    /// # Errors
    /// How long it rests.
    pub(crate) fn admits(&self) -> Result<(), AgentError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match state.resting_until {
            Some(end) if end > now => {
                Err(AgentError::Resting { failures: state.failures, left: end.duration_since(now) })
            }
            Some(_) => {
                state.resting_until = Some(until(REST));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Records the result of a question. Only failures that a rest can heal count: no connection, no answer in time, the agent's own faults.
    pub(crate) fn learn(&self, question: &TurnId, answer: &Result<Answer, AgentError>) {
        let is_down = match answer {
            Err(AgentError::Unreachable(_) | AgentError::UnreachableCard { .. } | AgentError::TimedOut(_)) => true,
            Err(AgentError::Refused(refusal)) => refusal.status >= 500 || refusal.status == 429,
            Err(AgentError::Aws(error)) => error.is_down(),
            Ok(_)
            | Err(
                AgentError::Unreadable(_)
                | AgentError::TooLarge { .. }
                | AgentError::Rejected
                | AgentError::Failed(_)
                | AgentError::Resting { .. }
                | AgentError::NoPseudonym
                | AgentError::Credentials(_),
            ) => false,
        };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_down {
            let is_another = state.last.replace(question.clone()).is_none_or(|last| last != *question);
            state.failures = state.failures.saturating_add(u32::from(is_another));
            state.resting_until = (state.failures >= MAX_FAILURES).then(|| until(REST));
        } else {
            *state = State::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::Refusal;

    #[tokio::test(start_paused = true)]
    async fn after_five_failures_in_a_row_one_question_in_ten_seconds_is_let_through() {
        let circuit = Circuit::default();
        let fails = |name: u32| {
            circuit.learn(&TurnId::of(&"8".into(), &name.to_string()), &Err(Refusal::read(503, b"").into()));
        };
        for _ in 0..20 {
            fails(0);
            assert!(circuit.admits().is_ok(), "the same question is counted once");
        }
        (1..MAX_FAILURES).for_each(fails);
        assert!(matches!(circuit.admits(), Err(AgentError::Resting { failures: 5, left }) if left == REST));
        tokio::time::advance(REST).await;
        assert!(circuit.admits().is_ok() && circuit.admits().is_err(), "one asks, the others wait for what it finds");
        fails(0);
        assert!(circuit.admits().is_err());
        tokio::time::advance(REST).await;
        assert!(circuit.admits().is_ok());
        circuit.learn(&TurnId::of(&"8".into(), "heals"), &Ok(Answer::default()));
        assert!(circuit.admits().is_ok() && circuit.admits().is_ok());
    }

    #[test]
    fn a_question_that_the_agent_refuses_does_not_open_the_circuit() {
        let circuit = Circuit::default();
        for name in 0..20 {
            circuit.learn(&TurnId::of(&"8".into(), &name.to_string()), &Err(Refusal::read(400, b"").into()));
        }
        assert!(circuit.admits().is_ok());
    }
}
