//! What a script leaves for Rust: wishes, the result of its hook, and lines of its console. Everything is text, and all of it is bounded,
//! because texts on this side do not count towards the memory of the script.

use std::{collections::VecDeque, time::Duration};

use super::{
    console::{Console, Level},
    storage::StoragePair,
};

/// Most timers of one run. Each takes 200 bytes that do not count towards the memory of the script; an interval of one millisecond
/// needs 5,000.
const MAX_TIMERS: u32 = 10_000;
/// Most pairs of ids whose storage one run opens.
const MAX_STORAGES: usize = 8;
/// Most bytes of a request in its JSON: a body of 1 MiB in base64, and its headers.
const MAX_REQUEST_BYTES: usize = 1_500_000;

/// Something that the script waits for.
#[derive(Debug)]
pub(super) struct Wish {
    /// The number of its promise.
    pub id: u32,
    pub what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A request, and its number in this run, from 1.
    Request { options: String, number: u32 },
    /// The session storage of a pair of ids.
    Storage(StoragePair),
    /// Some time.
    Timer(Duration),
}

/// How a hook ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It returned something, as JSON.
    Value(String),
    /// It returned nothing, `null`, `false`, `0` or `""`.
    Falsy,
    /// It returned a function or a symbol, which is no JSON.
    Odd,
    /// It threw, or its promise was rejected: the error as the prelude describes it.
    Failed(String),
}

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    pub wishes: VecDeque<Wish>,
    pub ending: Option<Ending>,
    /// The storages that the run has opened, as JSON, empty if they are none.
    pub stored: Vec<(StoragePair, String)>,
    /// What the script sent by `response`, as JSON; empty if nothing.
    pub sent: String,
    pub console: Console,
    requests: u32,
    max_requests: u32,
    storages: usize,
    timers: u32,
}

impl Mailbox {
    /// Begins a run, which may send this many requests.
    pub(super) fn clear(&mut self, max_requests: u32) {
        *self = Self { max_requests, ..Self::default() };
    }

    /// Takes a wish, or says why not.
    pub(super) fn ask(&mut self, kind: &str, id: u32, what: String) -> Option<String> {
        let what = match kind {
            "http" if self.requests >= self.max_requests => {
                return Some(format!(
                    "more than {} requests in one run: TRANSFORMER_REQUESTS allows more",
                    self.max_requests
                ));
            }
            "http" if what.len() > MAX_REQUEST_BYTES => return Some("the request is larger than 1 MiB".to_owned()),
            "http" => {
                self.requests += 1;
                What::Request { options: what, number: self.requests }
            }
            "storage" if self.storages >= MAX_STORAGES => {
                return Some(format!("more than {MAX_STORAGES} session storages in one run"));
            }
            "storage" => {
                self.storages += 1;
                match StoragePair::read(&what) {
                    Some(pair) => What::Storage(pair),
                    None => return Some("the ids of a session storage are too long".to_owned()),
                }
            }
            _ if self.timers >= MAX_TIMERS => return Some(format!("more than {MAX_TIMERS} timers in one run")),
            _ => {
                self.timers += 1;
                What::Timer(Duration::from_millis(what.parse::<f64>().map_or(0, whole)))
            }
        };
        self.wishes.push_back(Wish { id, what });
        None
    }

    /// Takes what is not waited for: a line of the console, a storage, the response, the ending.
    pub(super) fn post(&mut self, kind: &str, name: &str, text: String) {
        match kind {
            "log" => self.console.add(Level::of(name), text),
            "stored" => match StoragePair::read(name) {
                Some(pair) if self.stored.len() < MAX_STORAGES => self.stored.push((pair, text)),
                Some(_) | None => {}
            },
            "sent" => self.sent = text,
            "value" => self.ending = Some(Ending::Value(text)),
            "falsy" => self.ending = Some(Ending::Falsy),
            "odd" => self.ending = Some(Ending::Odd),
            _ => self.ending = Some(Ending::Failed(text)),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
fn whole(millis: f64) -> u64 {
    millis as u64
}
