//! Agent2Agent (A2A), versions 1.0 and 0.3, over JSON-RPC or HTTP+JSON as the agent's card says.
//!
//! A message is sent without waiting for the end of the task that it starts, and the task is polled until it ends or asks for
//! input. So the task is known when the time is over, and the next try continues with it.
//! <https://a2a-protocol.org/latest/specification/>

mod card;
mod dialect;
mod task;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use self::{
    card::Card,
    dialect::{Fault, Interface},
    task::{Reply, State, Task},
};
use super::{AgentError, Answer, Question, client::Client};
use crate::{conversation::TurnId, json::JsonError, retry, telemetry::Chain};

/// How long the agent's card is used.
const CARD_KEPT: Duration = Duration::from_hours(1);
/// How many unfinished tasks an instance remembers; each belongs to a message that will be tried again.
const MAX_UNFINISHED: usize = 256;
/// The pause between two polls of a task: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(1));

/// An agent with a card.
#[derive(Debug)]
pub(crate) struct CardedAgent {
    client: Client,
    known: Mutex<Option<(Instant, Interface)>>,
    unfinished: Mutex<BTreeMap<TurnId, String>>,
}

/// What the session remembers.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// The agent's name for the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The task that has asked something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The artifacts of that task that the person has received.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub received_artifacts: Vec<String>,
}

impl CardedAgent {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, known: Mutex::default(), unfinished: Mutex::default() }
    }

    /// Sends the message, and polls the task that it starts until it ends, asks for input, or the time is over.
    pub(crate) async fn ask(&self, question: &Question<'_>, patience: Duration) -> Result<Answer, AgentError> {
        let until = retry::until(patience);
        let interface = self.interface(until).await?;
        let answer = self.converse(&interface, question, patience, until).await;
        let is_gone = match &answer {
            Err(AgentError::Unreachable(_) | AgentError::UnreachableCard { .. }) => true,
            Err(AgentError::Refused(refusal)) => matches!(refusal.status, 404 | 405 | 410),
            Ok(_) | Err(_) => false,
        };
        if is_gone {
            // The agent may have moved.
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        answer
    }

    async fn converse(
        &self,
        interface: &Interface,
        question: &Question<'_>,
        patience: Duration,
        until: Instant,
    ) -> Result<Answer, AgentError> {
        let before = question.memory.and_then(|memory| Memory::deserialize(memory).ok()).unwrap_or_default();
        let unfinished = self.unfinished(question.turn);
        let mut reply = match &unfinished {
            Some(task) => interface.task(&self.client, task, question.turn, left(until)).await,
            None => self.send(interface, question, &before, until).await,
        };
        let mut pause = PAUSES.0;
        loop {
            let task = match reply {
                Ok(Reply::Message(message)) => {
                    let context = message.context_id.clone().or(before.context);
                    let memory = Memory { context, ..Memory::default() };
                    return Ok(Answer { memory: Some(json!(memory)), ..message.outputs(question.turn).into() });
                }
                Ok(Reply::Task(task)) => task,
                Err(fault) => {
                    if fault.is_of_the_task() || matches!(fault, Fault::Reported(_)) {
                        self.forget(question.turn);
                    }
                    return Err(fault.into());
                }
            };
            if task.status.state != State::Working {
                self.forget(question.turn);
                return answer(task, before, question.turn);
            }
            self.remember(question.turn, &task);
            if left(until) <= pause {
                return Err(AgentError::TimedOut(patience));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(PAUSES.1);
            reply = interface.task(&self.client, &task.id, question.turn, left(until)).await;
        }
    }

    /// Sends the message to the task that has asked, or starts a new one if the agent no longer knows that task.
    async fn send(
        &self,
        interface: &Interface,
        question: &Question<'_>,
        before: &Memory,
        until: Instant,
    ) -> Result<Reply, Fault> {
        let reply = interface.send(&self.client, question, before, left(until)).await;
        match reply {
            Err(fault) if before.task.is_some() && fault.is_of_the_task() => {
                tracing::info!(turn = %question.turn, "the task that asked is gone: the message starts a new one");
                let before = Memory { context: before.context.clone(), ..Memory::default() };
                interface.send(&self.client, question, &before, left(until)).await
            }
            reply => reply,
        }
    }

    /// The interface from the agent's card, or from the last card if it cannot be fetched at the moment.
    async fn interface(&self, until: Instant) -> Result<Interface, AgentError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, interface)) = &known
            && at.elapsed() < CARD_KEPT
        {
            return Ok(interface.clone());
        }
        match (Card::fetch(&self.client, until).await.and_then(|(card, url)| card.interface(&url, &self.client)), known)
        {
            (Ok(interface), _) => {
                let now = (Instant::now(), interface.clone());
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
                Ok(interface)
            }
            (Err(error), Some((_, interface))) => {
                tracing::warn!(error = %Chain(&error), "the agent's card cannot be fetched again: the last one is used");
                Ok(interface)
            }
            (Err(error), None) => Err(error),
        }
    }

    fn unfinished(&self, job: &TurnId) -> Option<String> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner).get(job).cloned()
    }

    fn remember(&self, job: &TurnId, task: &Task) {
        let mut unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        unfinished.insert(job.clone(), task.id.clone());
        if unfinished.len() > MAX_UNFINISHED {
            unfinished.retain(|other, _| other == job);
        }
    }

    fn forget(&self, job: &TurnId) {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner).remove(job);
    }
}

/// The answer of a task that is no longer working.
fn answer(task: Task, before: Memory, job: &TurnId) -> Result<Answer, AgentError> {
    let asks = match task.status.state {
        State::Working | State::Completed => false,
        State::InputRequired => true,
        State::Failed => return Err(AgentError::Failed("its task has failed".to_owned())),
        State::Rejected => return Err(AgentError::Rejected),
        State::Canceled => return Err(AgentError::Failed("its task was cancelled".to_owned())),
        State::AuthRequired => {
            return Err(AgentError::Failed("its task wants an authorization that no one can give here".to_owned()));
        }
    };
    let sent_before = if before.task.as_ref() == Some(&task.id) { before.received_artifacts } else { Vec::new() };
    let outputs = task.outputs(&sent_before, job);
    let context = task.context_id.clone().or(before.context);
    let memory = if asks {
        Memory { context, received_artifacts: task.artifact_ids(), task: Some(task.id) }
    } else {
        Memory { context, ..Memory::default() }
    };
    Ok(Answer { memory: Some(json!(memory)), ..outputs.into() })
}

/// What the agent may know besides the text.
fn metadata(question: &Question<'_>) -> Value {
    // The message may contain JSON that does not fit into a tree, such as a number of a thousand digits: then only the rest is sent.
    let mut metadata = serde_json::to_value(question.data()).unwrap_or_else(|error| {
        tracing::warn!(turn = %question.turn, error = %JsonError::from(error), "the agent gets the text without the message as Meta sent it");
        json!({})
    });
    metadata["userId"] = json!(question.user_id);
    metadata["sessionId"] = json!(question.session_id);
    if let Some(locale) = question.locale {
        metadata["locale"] = json!(locale);
    }
    metadata
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}
