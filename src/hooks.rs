//! The operator's own code: a script with hooks, written for Cognigy.AI's Transformer Functions.
//!
//! JSON goes in and comes out, bounded in time, memory, stack, requests and hosts. A turn has one context, which its hooks share; the
//! next turn has a new one, so that nothing of one person meets another. Where a run is stopped or throws, the caller goes on with what
//! it had.

mod canned;
mod console;
mod errors;
mod hook;
mod hosts;
mod mailbox;
mod natives;
mod request;
mod response;
mod returns;
mod sandbox;
mod storage;

use std::{path::Path, time::Duration};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::{sleep, timeout_at};

use self::{
    canned::Canned,
    hosts::Hosts,
    mailbox::{Ending, What, Wish},
    sandbox::{Halt, Sandbox},
    storage::Storages,
};
pub use self::{
    canned::CannedAnswer,
    console::{ConsoleLine, Level},
    errors::{HooksError, Limit, Position, ScriptError, Thrown},
    hook::Hook,
    response::SentResponse,
    returns::{Input, OutputReturn, ReturnError},
    storage::{MAX_OTHER_BYTES, MAX_OWN_BYTES, Storage, StoragePair, StorageRefusal},
};
use crate::{retry, settings::HostRule};

/// Most bytes of a script, with the libraries that it brings along.
const MAX_SCRIPT_BYTES: u64 = 1024 * 1024;
/// The time of one run, requests included.
const MAX_RUN: Duration = Duration::from_secs(5);
/// The time for which one run may compute.
const MAX_PROCESSOR: Duration = Duration::from_secs(1);

/// What scripts may do.
#[derive(Debug, Clone, Default)]
pub struct HookLimits {
    /// The hosts that may be called; empty: every public one.
    pub hosts: Vec<HostRule>,
    /// Hosts that are never called: Lambda's Runtime API, and the endpoint itself.
    pub never: Vec<HostRule>,
    /// Requests in one run.
    pub requests: u32,
    /// Whether words of scripts are logged.
    pub logs_words: bool,
    /// Answers in the place of requests, for trying a script out.
    pub answers: Option<Vec<CannedAnswer>>,
}

/// A script that was checked, and what it may do.
#[derive(Debug)]
pub struct Hooks {
    source: String,
    /// Its name in errors.
    file: String,
    registered: Vec<Hook>,
    hosts: Hosts,
    requests: u32,
    logs_words: bool,
    canned: Option<Canned>,
}

/// The hooks of one turn.
pub struct Run<'a> {
    hooks: &'a Hooks,
    /// `None` before the first hook, and after one that was stopped.
    sandbox: Option<Sandbox>,
    storages: Storages,
    secrets: String,
    /// Tells the requests of this turn from others.
    name: String,
    /// What the last hook printed.
    pub console: Vec<ConsoleLine>,
    /// The requests that the hooks have sent, as the prelude prepared them.
    pub requests: Vec<String>,
}

/// Why a hook has no result.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The script is at fault.
    #[error("{hook} failed: {why}", hook = .hook.name())]
    Script {
        /// Which.
        hook: Hook,
        /// Why.
        why: ScriptError,
    },
    /// It was stopped.
    #[error("{hook} was stopped: {limit}", hook = .hook.name())]
    Stopped {
        /// Which.
        hook: Hook,
        /// By what.
        limit: Limit,
    },
}

/// What a hook did.
#[derive(Debug, PartialEq)]
pub enum Outcome<T> {
    /// The script has no such hook.
    Absent,
    /// It returned something.
    Returned(T),
    /// It returned nothing, `null`, `false`, `0` or `""`.
    Falsy,
}

/// Reads the storage of a pair that is not the conversation's own; `None` if there is none.
pub type Recall<'a> = dyn Fn(StoragePair) -> BoxFuture<'a, Option<Map<String, Value>>> + Send + Sync + 'a;

impl Hooks {
    /// Looks for the file, as it is named or else in these folders, and checks that it can be loaded.
    ///
    /// # Errors
    /// The file's name and what is wrong with it.
    pub fn find(file: &str, folders: &[String], limits: HookLimits) -> Result<Self, HooksError> {
        let given = Path::new(file);
        let found = folders.iter().map(|folder| Path::new(folder).join(given)).find(|path| path.is_file());
        match found.filter(|_| !given.is_absolute()) {
            Some(path) => Self::load(&path, limits),
            None if given.is_file() => Self::load(given, limits),
            None => Err(HooksError::Missing { file: file.to_owned(), folders: folders.join(", ") }),
        }
    }

    fn load(path: &Path, limits: HookLimits) -> Result<Self, HooksError> {
        let file = path.display().to_string();
        let unreadable = |source| HooksError::File { file: file.clone(), source };
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes > MAX_SCRIPT_BYTES {
            return Err(HooksError::TooLarge { file, bytes, max: MAX_SCRIPT_BYTES });
        }
        let source = std::fs::read_to_string(path).map_err(unreadable)?;
        let name = path.file_name().map_or_else(|| file.clone(), |name| name.to_string_lossy().into_owned());
        Self::of(source, &name, limits)
    }

    /// The hooks of this source; `file` is its name in errors.
    ///
    /// # Errors
    /// As [`Hooks::find`].
    pub fn of(source: String, file: &str, limits: HookLimits) -> Result<Self, HooksError> {
        let HookLimits { hosts, never, requests, logs_words, answers } = limits;
        let hosts = Hosts::new(hosts, never);
        let canned = answers.map(Canned::new);
        let mut hooks =
            Self { source, file: file.to_owned(), registered: Vec::new(), hosts, requests, logs_words, canned };
        let file = || hooks.file.clone();
        let mut sandbox = hooks.sandbox("", 0).map_err(|halt| match halt {
            Halt::Limit(limit) => HooksError::Stopped { file: file(), limit },
            Halt::Threw(thrown) => match thrown.syntax(&hooks.file) {
                Some(position) => HooksError::Syntax { file: file(), position },
                None => HooksError::Threw { file: file(), thrown: thrown.in_file(&hooks.file) },
            },
        })?;
        let registered = sandbox.registered().unwrap_or_default();
        if registered.is_empty() {
            return Err(HooksError::NoHooks { file: file() });
        }
        hooks.registered = registered;
        Ok(hooks)
    }

    /// Whether the script has this hook.
    #[must_use]
    pub fn has(&self, hook: Hook) -> bool {
        self.registered.contains(&hook)
    }

    /// Begins a turn: `name` is its id, `secrets` a JSON object that the script may know, `own` the storages of the conversation.
    #[must_use]
    pub fn begin(&self, name: String, secrets: String, own: Vec<(StoragePair, Map<String, Value>)>) -> Run<'_> {
        let (console, requests) = (Vec::new(), Vec::new());
        Run { hooks: self, sandbox: None, storages: Storages::new(own), secrets, name, console, requests }
    }

    /// A context in which the script was evaluated, at the beginning of a run. Without secrets: to check it.
    fn sandbox(&self, secrets: &str, requests: u32) -> Result<Sandbox, Halt> {
        let mut sandbox = Sandbox::new(secrets)?;
        sandbox.begin(MAX_PROCESSOR, requests);
        sandbox.load(&self.source, &self.file)?;
        Ok(sandbox)
    }
}

impl Run<'_> {
    /// Runs `handleInput`, `handleInject` or `handleNotify` within `time`; also returns what it sent by `response`.
    ///
    /// # Errors
    /// Why it has no result; its changes of storages are dropped.
    pub async fn input(
        &mut self,
        hook: Hook,
        argument: &impl Serialize,
        time: Duration,
        recall: &Recall<'_>,
    ) -> (Result<Outcome<Input>, HookError>, Option<SentResponse>) {
        match self.run(hook, &text(argument), time, recall).await {
            Ok(Ended { outcome, sent, stored }) => {
                let read = outcome.read(|json| returns::input(&json));
                if read.is_ok() {
                    self.keep(hook, stored);
                }
                (read.map_err(|why| HookError::Script { hook, why: why.into() }), sent)
            }
            Err(error) => (Err(error), None),
        }
    }

    /// Runs `handleOutput` within `time`; `processed` is what would be sent without it.
    ///
    /// # Errors
    /// As [`Run::input`].
    pub async fn output(
        &mut self,
        argument: &impl Serialize,
        processed: &Value,
        time: Duration,
        recall: &Recall<'_>,
    ) -> Result<Outcome<OutputReturn>, HookError> {
        let hook = Hook::Output;
        let Ended { outcome, stored, .. } = self.run(hook, &text(argument), time, recall).await?;
        let read = outcome.read(|json| returns::output(&json, &processed.to_string()));
        let read = read.map_err(|why| HookError::Script { hook, why: why.into() })?;
        self.keep(hook, stored);
        Ok(read)
    }

    /// The storages that hooks have changed.
    #[must_use]
    pub fn changed(&mut self) -> Vec<Storage> {
        std::mem::take(&mut self.storages).changed()
    }

    async fn run(
        &mut self,
        hook: Hook,
        argument: &str,
        time: Duration,
        recall: &Recall<'_>,
    ) -> Result<Ended, HookError> {
        if !self.hooks.has(hook) {
            return Ok(Ended { outcome: Outcome::Absent, sent: None, stored: Vec::new() });
        }
        let ended = self.until_it_ends(hook, argument, time.min(MAX_RUN), recall).await;
        let script = |why| HookError::Script { hook, why };
        if let Some(sandbox) = &self.sandbox {
            let console = std::mem::take(&mut sandbox.mail().console);
            self.console = console.log(hook.name(), self.hooks.logs_words);
        }
        let ended = match ended {
            Ok(ended) => ended,
            // What is left of the run must not be met by the next hook.
            Err(halt) => {
                self.sandbox = None;
                return Err(match halt {
                    Cut::Limit(limit) => HookError::Stopped { hook, limit },
                    Cut::Script(why) => script(why),
                });
            }
        };
        let outcome = match ended {
            Ending::Value(json) => Outcome::Returned(json),
            Ending::Falsy => Outcome::Falsy,
            Ending::Odd => return Err(script(ReturnError::NoJson.into())),
            Ending::Failed(json) => {
                let thrown = Thrown::read(&json).in_file(&self.hooks.file);
                return Err(match thrown.limit() {
                    Some(limit) => HookError::Stopped { hook, limit },
                    None => script(ScriptError::Threw(thrown)),
                });
            }
        };
        let Some(sandbox) = &self.sandbox else { return Ok(Ended { outcome, sent: None, stored: Vec::new() }) };
        let (stored, sent) = {
            let mut mail = sandbox.mail();
            (std::mem::take(&mut mail.stored), std::mem::take(&mut mail.sent))
        };
        let sent = SentResponse::read(&sent).map_err(|why| script(why.into()))?;
        Ok(Ended { outcome, sent, stored })
    }

    /// Takes over the storages of a run that has ended well.
    fn keep(&mut self, hook: Hook, stored: Vec<(StoragePair, String)>) {
        for (pair, json) in stored {
            if let Err(refusal) = self.storages.change(&pair, &json) {
                tracing::warn!(target: "transformer", hook = hook.name(), error = %refusal, "a change of a session storage is not kept");
            }
        }
    }

    /// Lets the script run, and does what it waits for, until it has ended.
    async fn until_it_ends(
        &mut self,
        hook: Hook,
        argument: &str,
        time: Duration,
        recall: &Recall<'_>,
    ) -> Result<Ending, Cut> {
        let Self { sandbox, storages, secrets, name, requests, .. } = self;
        let hooks = self.hooks;
        let until = retry::until(time);
        let sandbox = match sandbox {
            Some(sandbox) => {
                sandbox.begin(MAX_PROCESSOR, hooks.requests);
                sandbox
            }
            none => none.insert(hooks.sandbox(secrets, hooks.requests)?),
        };
        sandbox.start(hook, argument)?;
        let mut pending: FuturesUnordered<BoxFuture<'_, Settled>> = FuturesUnordered::new();
        loop {
            sandbox.step()?;
            let mut has_settled = false;
            for Wish { id, what } in sandbox.wishes() {
                match what {
                    What::Request { options, number } => {
                        requests.push(options.clone());
                        if let Some(canned) = &hooks.canned {
                            sandbox.settle(id, &canned.answer(&options))?;
                            has_settled = true;
                            continue;
                        }
                        let name = format!("{name}-{}-{number}", hook.name());
                        let sent = async move { request::send(&hooks.hosts, &options, &name).await };
                        pending.push(sent.map(move |answer| Settled::Promise(id, answer)).boxed());
                    }
                    What::Storage(pair) => match storages.content(&pair) {
                        Some(content) => {
                            sandbox.settle(id, &Ok(content))?;
                            has_settled = true;
                        }
                        None => pending
                            .push(recall(pair.clone()).map(move |found| Settled::Storage(id, pair, found)).boxed()),
                    },
                    What::Timer(pause) => {
                        pending.push(sleep(pause).map(move |()| Settled::Promise(id, Ok(String::new()))).boxed());
                    }
                }
            }
            if let Some(ending) = sandbox.ending() {
                return Ok(ending);
            }
            if has_settled {
                continue;
            }
            let settled = timeout_at(until, pending.next()).await.map_err(|_| Cut::Limit(Limit::Time))?;
            match settled {
                None => return Err(Cut::Script(ScriptError::NeverSettles)),
                Some(Settled::Promise(id, answer)) => sandbox.settle(id, &answer)?,
                Some(Settled::Storage(id, pair, found)) => {
                    // Two promises of one pair are one object in the script.
                    storages.add(pair.clone(), found.unwrap_or_default());
                    sandbox.settle(id, &Ok(storages.content(&pair).unwrap_or_default()))?;
                }
            }
        }
    }
}

/// Something that the script waited for is there.
enum Settled {
    Promise(u32, Result<String, String>),
    Storage(u32, StoragePair, Option<Map<String, Value>>),
}

/// How a run has ended.
struct Ended {
    /// What the hook returned, as JSON.
    outcome: Outcome<String>,
    sent: Option<SentResponse>,
    /// The storages that it has opened, as JSON.
    stored: Vec<(StoragePair, String)>,
}

impl Outcome<String> {
    fn read<T>(self, read: impl FnOnce(String) -> Result<T, ReturnError>) -> Result<Outcome<T>, ReturnError> {
        Ok(match self {
            Self::Absent => Outcome::Absent,
            Self::Falsy => Outcome::Falsy,
            Self::Returned(json) => Outcome::Returned(read(json)?),
        })
    }
}

/// A run has no ending of its own.
enum Cut {
    Limit(Limit),
    Script(ScriptError),
}

impl From<Halt> for Cut {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Limit(limit) => Self::Limit(limit),
            Halt::Threw(thrown) => Self::Script(ScriptError::Threw(thrown)),
        }
    }
}

/// Our own values are always JSON.
fn text(argument: &impl Serialize) -> String {
    serde_json::to_string(argument).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;
