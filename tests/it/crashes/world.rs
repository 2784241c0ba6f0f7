//! What a schedule is made of: its dice, its time, the faults still to come, everything that happened, and what was wrong in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use fastrand::Rng;
use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;
use whatsapp_endpoint::conversation::{Content, Conversation, ConversationId, ReplyState, TurnId};

pub use super::statuses::Statuses;
use super::tally::Tally;
use crate::support::deployed::SORRY;

/// After its fifth failure a job would be given up.
const MAX_AGENT_FAILURES: u32 = 3;

/// Shared by the schedule, the store and the servers. All of them run in one thread, so the dice fall the same way every time.
#[derive(Debug, Clone)]
pub struct World(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    seed: u64,
    statuses: Statuses,
    dice: Rng,
    faults_left: u32,
    /// For how many deliveries the store still fails every request, and at which step of it.
    outage: Option<(u32, &'static str)>,
    started: Instant,
    /// Time in which nothing happened, so nobody had to live through it.
    skipped: Duration,
    story: Vec<String>,
    wrong: Vec<String>,
    tally: Tally,
    answers: BTreeMap<TurnId, Answer>,
    /// What the store holds.
    kept: BTreeMap<ConversationId, Conversation>,
    /// Who has claimed a conversation last.
    holders: BTreeMap<ConversationId, Uuid>,
    taken: Vec<Taken>,
    /// Replies at Meta of which the store cannot know: each may come once more.
    in_doubt: BTreeSet<String>,
}

/// What the agent says to one job.
#[derive(Debug, Clone)]
struct Answer {
    conversation: ConversationId,
    question: String,
    /// What the person gets of it.
    replies: Vec<String>,
    /// It is more than anybody can keep: the person gets the fallback.
    is_too_large: bool,
    /// How often the agent has failed to give it.
    failures: u32,
}

/// A reply that Meta took.
#[derive(Debug, Clone)]
pub struct Taken {
    pub words: String,
    pub wamid: String,
    /// What the statuses of the message bring back.
    pub tag: String,
}

impl World {
    pub fn new(seed: u64, statuses: Statuses) -> Self {
        let mut dice = Rng::with_seed(seed);
        Self(Arc::new(Mutex::new(State {
            seed,
            statuses,
            faults_left: dice.u32(0..12),
            dice,
            outage: None,
            started: Instant::now(),
            skipped: Duration::ZERO,
            story: Vec::new(),
            wrong: Vec::new(),
            tally: Tally::default(),
            answers: BTreeMap::new(),
            kept: BTreeMap::new(),
            holders: BTreeMap::new(),
            taken: Vec::new(),
            in_doubt: BTreeSet::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("not poisoned")
    }

    pub fn beginning() -> Timestamp {
        Timestamp::from_second(1_796_040_000).expect("in range")
    }

    pub fn now(&self) -> Timestamp {
        Self::beginning() + self.state().age()
    }

    /// Lets time pass in which nothing happens.
    pub fn skip(&self, time: Duration) {
        self.state().skipped += time;
    }

    pub fn tell(&self, line: impl AsRef<str>) {
        self.state().tell(line.as_ref());
    }

    pub fn count(&self, what: impl FnOnce(&mut Tally)) {
        what(&mut self.state().tally);
    }

    pub fn tally(&self) -> Tally {
        self.state().tally
    }

    pub fn roll<T>(&self, roll: impl FnOnce(&mut Rng) -> T) -> T {
        roll(&mut self.state().dice)
    }

    /// Whether a fault happens here, as one in so many do while there are faults to come.
    pub fn strikes(&self, one_in: u32) -> bool {
        let mut state = self.state();
        let strikes = state.faults_left > 0 && state.dice.u32(0..one_in) == 0;
        state.faults_left -= u32::from(strikes);
        strikes
    }

    /// The step at which the store fails every request, while it does so.
    pub fn outage(&self) -> Option<&'static str> {
        self.state().outage.map(|(_, when)| when)
    }

    /// A fault of the store is the first of many, or not.
    pub fn may_last(&self, when: &'static str) {
        let mut state = self.state();
        if state.outage.is_none() && state.dice.u32(0..4) == 0 {
            let deliveries = state.dice.u32(3..12);
            state.outage = Some((deliveries, when));
            state.tally.outages += 1;
            state.tell("and goes on failing");
        }
    }

    /// A delivery is over; returns whether the store is back with it.
    pub fn outage_passes(&self) -> bool {
        let mut state = self.state();
        let Some((deliveries, when)) = state.outage else { return false };
        state.outage = (deliveries > 1).then(|| (deliveries - 1, when));
        state.outage.is_none()
    }

    /// Whether the agent fails at this job, which it does a few times at most: after the fifth the job would be given up.
    pub fn agent_fails(&self, key: &str, one_in: u32) -> bool {
        let job: TurnId = key.parse().expect("a job's id");
        let failures = self.state().answers.get(&job).map_or(0, |answer| answer.failures);
        let fails = failures < MAX_AGENT_FAILURES && self.strikes(one_in);
        if let Some(answer) = self.state().answers.get_mut(&job).filter(|_| fails) {
            answer.failures += 1;
        }
        fails
    }

    /// Nothing goes wrong any more.
    pub fn end_of_faults(&self) {
        let mut state = self.state();
        (state.faults_left, state.outage) = (0, None);
    }

    /// A way of some length: a turn may end at every step of it.
    pub async fn way(&self) {
        for _ in 0..self.roll(|dice| dice.u32(0..3)) {
            tokio::task::yield_now().await;
        }
    }

    /// Plans what the agent will say to a job.
    pub fn plan(&self, job: &TurnId, conversation: &ConversationId, question: &str, replies: Vec<String>) {
        let is_too_large = replies == [SORRY];
        let (conversation, question) = (conversation.clone(), question.to_owned());
        let answer = Answer { conversation, question, replies, is_too_large, failures: 0 };
        self.state().answers.insert(job.clone(), answer);
    }

    /// The agent is asked, under this key; returns what it says.
    pub fn asked(&self, question: &str, key: &str) -> Vec<String> {
        let mut state = self.state();
        state.tell(&format!("the agent is asked \"{question}\""));
        let job: TurnId = key.parse().expect("a job's id");
        let Some(answer) = state.answers.get(&job).filter(|answer| answer.question == question).cloned() else {
            state.wrong(&format!("\"{question}\" comes with the key {key}, which is not that of its job"));
            return Vec::new();
        };
        if state.is_committed(&job) {
            state.wrong(&format!("the agent is asked \"{question}\" again although its answer was committed"));
        }
        if answer.is_too_large {
            state.tally.too_large += 1;
            return (0..100).map(|_| "a".repeat(4000)).collect();
        }
        answer.replies
    }

    /// Somebody has got a conversation. Whoever had it before is gone, and nobody knows of what was not written down.
    pub fn claimed(&self, id: &ConversationId, owner: Uuid) {
        let mut state = self.state();
        if state.holders.insert(id.clone(), owner) == Some(owner) {
            return;
        }
        let unknown: Vec<_> = state.taken.iter().map(|taken| taken.words.clone()).collect();
        for words in unknown {
            if state.conversation_of(&words) == Some(id) && !state.is_recorded(&words) {
                state.in_doubt.insert(words);
            }
        }
    }

    /// The store holds this from now on.
    pub fn kept(&self, id: &ConversationId, conversation: &Conversation) {
        self.state().kept.insert(id.clone(), conversation.clone());
    }

    /// Meta took a reply.
    pub fn took(&self, taken: Taken) {
        let mut state = self.state();
        let words = &taken.words;
        state.tell(&format!("Meta takes \"{words}\" as {}", taken.tag));
        if state.taken.iter().any(|before| before.words == *words) {
            state.tally.sent_again += 1;
            let excused = state.in_doubt.remove(words);
            if state.is_recorded(words) {
                state.wrong(&format!("\"{words}\" is sent again although the store knows that it is out"));
            } else if !excused {
                state.wrong(&format!("\"{words}\" is sent again although nothing put it in doubt"));
            } else if state.statuses == Statuses::InTime {
                state.wrong(&format!("\"{words}\" is sent again although its status has told that it is out"));
            }
        }
        state.taken.push(taken);
    }

    /// The answer to a send does not arrive.
    pub fn lost_answer_to(&self, words: &str, how: &str) {
        let mut state = self.state();
        state.tell(&format!("the answer is lost: {how}"));
        state.tally.lost_answers += 1;
        state.in_doubt.insert(words.to_owned());
    }

    pub fn statuses(&self) -> Statuses {
        self.state().statuses
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.state().taken.clone()
    }

    pub fn is_committed(&self, job: &TurnId) -> bool {
        self.state().is_committed(job)
    }

    /// A turn says that the job is done.
    pub fn done(&self, job: &TurnId) {
        let mut state = self.state();
        let replies = state.answers[job].replies.clone();
        for words in replies {
            if !state.taken.iter().any(|taken| taken.words == words) {
                state.wrong(&format!("the job is called done and \"{words}\" is not at Meta"));
            } else if !state.is_recorded(&words) {
                state.wrong(&format!("the job is called done and the store does not know that \"{words}\" is out"));
            }
        }
    }

    pub fn wrong(&self, what: &str) {
        self.state().wrong(what);
    }

    /// Everything that happened.
    pub fn story(&self) -> String {
        let state = self.state();
        format!("schedule {0} (CRASH_SEED={0}):\n{1}", state.seed, state.story.join("\n"))
    }

    /// Fails with the whole story if anything was wrong.
    pub fn check(&self) {
        let wrong = self.state().wrong.clone();
        assert!(wrong.is_empty(), "{}\n{}", self.story(), wrong.join("\n"));
    }
}

impl State {
    fn age(&self) -> Duration {
        self.skipped + self.started.elapsed()
    }

    fn tell(&mut self, line: &str) {
        self.story.push(format!("{:>9.3} s  {line}", self.age().as_secs_f64()));
    }

    fn wrong(&mut self, what: &str) {
        self.tell(&format!("WRONG: {what}"));
        self.wrong.push(what.to_owned());
    }

    fn conversation_of(&self, words: &str) -> Option<&ConversationId> {
        self.answer_with(words).map(|(_, answer)| &answer.conversation)
    }

    fn answer_with(&self, words: &str) -> Option<(&TurnId, &Answer)> {
        self.answers.iter().find(|(_, answer)| answer.replies.iter().any(|reply| reply == words))
    }

    fn is_committed(&self, job: &TurnId) -> bool {
        self.answers.get(job).is_some_and(|answer| {
            self.kept.get(&answer.conversation).is_some_and(|conversation| conversation.done.contains(job))
        })
    }

    /// Whether the store knows that a reply is out.
    fn is_recorded(&self, words: &str) -> bool {
        let Some((job, answer)) = self.answer_with(words) else { return false };
        let Some(kept) = self.kept.get(&answer.conversation) else { return false };
        let on_its_way = kept.outbox.iter().flat_map(|outbox| &outbox.replies).any(|reply| {
            matches!(&reply.output.content, Content::Text(said) if said == words)
                && !matches!(reply.state, ReplyState::Sent(_) | ReplyState::Refused)
        });
        kept.done.contains(job) && !on_its_way
    }
}
