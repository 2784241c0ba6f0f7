//! Asks the agent, and shows the person meanwhile that the message is read and an answer is being written.

use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::oneshot;

use super::{Turn, TurnError, hooks::Asked, pseudonymous::Pseudonymous};
use crate::{
    agents::{AgentError, Question},
    app::App,
    conversation::{Answer, Content, Details, Job, Message, MessageTask, Person, Session},
    retry::{Clock, USEFUL_REST, after},
    settings::UserIdFormat,
    telemetry::Chain,
    whatsapp::{inbound, outbound::limits::WINDOW},
};

/// How long Meta shows the typing indicator, less a little.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/typing-indicators>
const TYPING: Duration = Duration::from_secs(20);

/// The time in an invocation to commit the agent's answer and send its first reply.
const COMMIT_TIME: Duration = Duration::from_secs(5);

impl Turn<'_> {
    /// Asks the agent what a person asks.
    pub(super) async fn ask(&mut self, task: &MessageTask) -> Result<Answer, TurnError> {
        let MessageTask { person, message, becomes, .. } = task;
        if message.sent_at.is_some_and(|sent_at| after(sent_at, WINDOW) < self.clock.now()) {
            return Err(TurnError::TooLate);
        }
        self.next.meet(becomes.as_ref().unwrap_or(person));
        self.next.open_window(message.sent_at, self.clock.now());
        self.put(message).await
    }

    /// Opens the session, and puts `message` to the agent; meanwhile a person who wrote sees that an answer is being written.
    pub(super) async fn put(&mut self, message: &Message) -> Result<Answer, TurnError> {
        if !self.has_time() {
            return Err(TurnError::NoTime);
        }
        let expiration = self.expiration();
        let session = self.next.open_session(self.clock.now(), expiration);
        let message = self.next.choices.resolve(message);
        let Some(asked) = self.hook_input(message, &session).await? else { return Ok(Answer::default()) };
        let session = self.next.session.clone().unwrap_or(session);
        let (is_answered, answered) = oneshot::channel();
        let asked = async {
            let answer = self.answer(&asked, &session).await;
            drop(is_answered);
            answer
        };
        let (answer, ()) = tokio::join!(asked, show_reading(self.app, self.job, answered, self.clock));
        let (answer, agent_time) = answer?;
        if answer.outputs.is_empty() && !answer.is_deferred {
            tracing::info!(turn = %self.job.id, "the agent has nothing to say to this message");
        }
        self.agent_time = Some(agent_time);
        Ok(answer)
    }

    /// Whether the agent's whole timeout and the commit fit into the time left: otherwise a healthy agent would be asked in vain, and again.
    ///
    /// If no invocation is long enough for that, three quarters of it have to be left.
    fn has_time(&self) -> bool {
        let wanted = self.app.settings.agent.timeout.saturating_add(COMMIT_TIME);
        self.clock.left() >= wanted.min(self.clock.total() / 4 * 3)
    }

    /// The agent's answer, or the operator's text instead, and how long it took.
    async fn answer(&self, asked: &Asked<'_>, session: &Session) -> Result<(Answer, Duration), AgentError> {
        let Turn { app, job, next, clock, .. } = self;
        let message: &Message = &asked.message;
        if let (true, Some(words)) = (message.is_unsupported, &app.settings.auto_replies.unsupported) {
            return Ok((vec![Content::Text(words.clone()).into()].into(), Duration::ZERO));
        }
        let user_id = self.lease.agent_user_id();
        let pseudonymous;
        let (user_id, person, message) = match app.settings.agent.user_id {
            UserIdFormat::Plain => (user_id, &next.person, message),
            UserIdFormat::Hashed => {
                pseudonymous = Pseudonymous::of(app, job, user_id, message).await?;
                (pseudonymous.user_id.as_str(), &Person::default(), &pseudonymous.message)
            }
        };
        let mut details = inbound::details(&message.raw);
        if app.agent.sees_pictures() {
            fetch_pictures(app, job, &mut details, clock).await;
        }
        let alias = session.alias.clone().unwrap_or_default();
        let (user_id, session_id) =
            (alias.user_id.as_deref().unwrap_or(user_id), alias.session_id.unwrap_or(session.id.to_string()));
        let person_hash = app.credentials.person_hash(&job.conversation.number, user_id).await;
        let question = Question {
            user_id,
            person_hash: person_hash.as_deref(),
            person,
            preferences: next.preferences.as_ref(),
            session_id: &session_id,
            replaced_data: asked.data.as_ref(),
            inputs: session.inputs,
            message,
            details: &details,
            turn: &job.id,
            memory: session.memory.as_ref(),
            locale: app.settings.agent.locale.as_deref(),
            number: &job.conversation.number,
            window_ends: next.last_message_at.map(|last_message_at| after(last_message_at, WINDOW)),
            now: clock.now(),
        };
        // The agent's time, which leaves enough to commit its answer.
        let patience = app.settings.agent.timeout.min(clock.left().saturating_sub(USEFUL_REST));
        let asked_at = clock.now();
        let answer = app.agent.ask(&question, patience).await?;
        Ok((answer, clock.now().duration_since(asked_at).unsigned_abs()))
    }
}

/// Puts the pictures into `details`. If one cannot be fetched, the agent gets only its description.
async fn fetch_pictures(app: &App, job: &Job, details: &mut Details<'_>, clock: &Clock) {
    for file in details.attachments.iter_mut().filter(|file| file.kind == "image") {
        match app.graph.picture(&file.id, clock).await {
            Ok(picture) => file.open_url = Some(picture),
            Err(error) => {
                tracing::warn!(turn = %job.id, error = %Chain(&error), "a picture could not be fetched for the agent");
            }
        }
    }
}

/// Shows the read receipt and the typing indicator until `answered` is closed, if there is a message to show them with.
///
/// Nothing depends on it, so a failure is only logged, and ends it.
async fn show_reading(app: &App, job: &Job, mut answered: oneshot::Receiver<()>, clock: &Clock) {
    let Some(message_id) = job.task.message_id() else { return };
    loop {
        if let Err(error) = app.graph.show_reading(&job.conversation.number, message_id).await {
            tracing::info!(turn = %job.id, error = %Chain(&error), "the read receipt was refused");
            return;
        }
        let pause = std::pin::pin!(clock.pause(TYPING));
        match select(&mut answered, pause).await {
            Either::Right((true, _)) => {}
            Either::Left(_) | Either::Right((false, _)) => return,
        }
    }
}
