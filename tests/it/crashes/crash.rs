//! The end of a turn at one of its awaits.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use super::world::World;

/// Most polls before a crash: few turns have more.
const MAX_POLLS: u32 = 26;

/// When a turn crashes.
#[derive(Debug, Clone, Copy)]
pub struct Crash {
    /// After so many polls.
    polls: u32,
    /// As soon as it waits; else when what it has waited for is there.
    at_once: bool,
}

/// A turn that ends in a crash, or before.
pub struct MayCrash<F> {
    turn: Option<Pin<Box<F>>>,
    crash: Option<Crash>,
    polls: u32,
}

impl Crash {
    pub fn after(polls: u32) -> Self {
        Self { polls, at_once: true }
    }

    pub fn some_time(world: &World) -> Self {
        world.roll(|dice| Self { polls: dice.u32(0..MAX_POLLS), at_once: dice.bool() })
    }
}

impl<F: Future> MayCrash<F> {
    pub fn new(turn: F, crash: Option<Crash>) -> Self {
        Self { turn: Some(Box::pin(turn)), crash, polls: 0 }
    }

    fn is_over(&self, waits: bool) -> bool {
        self.crash.is_some_and(|crash| crash.polls == self.polls && crash.at_once == waits)
    }
}

impl<F: Future> Future for MayCrash<F> {
    /// `None`: it has crashed.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut result = Poll::Ready(None);
        if !self.is_over(false)
            && let Some(turn) = &mut self.turn
        {
            result = turn.as_mut().poll(context).map(Some);
        }
        if result.is_pending() && self.is_over(true) {
            result = Poll::Ready(None);
        }
        self.polls += 1;
        if result.is_ready() {
            self.turn = None;
        }
        result
    }
}
