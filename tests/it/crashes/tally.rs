//! What happened in how many cases.

use std::ops::AddAssign;

/// How often things happened.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub deliveries: u32,
    pub crashes: u32,
    pub failures: u32,
    pub graph_faults: u32,
    pub lost_answers: u32,
    pub agent_faults: u32,
    pub slow_agents: u32,
    pub too_large: u32,
    pub store_faults: u32,
    pub outages: u32,
    pub repeats: u32,
    pub given_up: u32,
    pub sent_again: u32,
}

impl Tally {
    /// A simulation in which nothing goes wrong shows nothing.
    pub fn assert_everything_happened(&self) {
        let Self { crashes, failures, graph_faults, lost_answers, agent_faults, store_faults, .. } = *self;
        let happened = [crashes, failures, graph_faults, lost_answers, agent_faults, store_faults, self.repeats];
        let rare = [self.given_up, self.slow_agents, self.too_large, self.outages];
        let happened = happened.iter().all(|count| *count > 20) && rare.iter().all(|count| *count > 5);
        assert!(happened, "too little happened: {self:?}");
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.deliveries += other.deliveries;
        self.crashes += other.crashes;
        self.failures += other.failures;
        self.graph_faults += other.graph_faults;
        self.lost_answers += other.lost_answers;
        self.agent_faults += other.agent_faults;
        self.slow_agents += other.slow_agents;
        self.too_large += other.too_large;
        self.store_faults += other.store_faults;
        self.outages += other.outages;
        self.repeats += other.repeats;
        self.given_up += other.given_up;
        self.sent_again += other.sent_again;
    }
}
