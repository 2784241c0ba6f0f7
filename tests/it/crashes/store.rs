//! A store that fails at seeded moments, once or for a long time: before it has done what it was asked, or after.

use async_trait::async_trait;
use whatsapp_endpoint::store::{Claim, StoreError};

use super::world::World;
use crate::support::store::{Faults, Request};

/// One in so many steps of the store fails.
const ONE_IN: u32 = 25;

#[async_trait]
impl Faults for World {
    async fn before(&self, request: Request<'_>) -> Result<(), StoreError> {
        self.step(request, "before").await
    }

    async fn after(&self, request: Request<'_>, claimed: Option<&Claim>) -> Result<(), StoreError> {
        match request {
            Request::Claim(id, lease) if matches!(claimed, Some(Claim::Fresh(_) | Claim::Resume(_))) => {
                self.claimed(id, lease.owner);
            }
            Request::Save(id, conversation) => self.kept(id, conversation),
            _ => {}
        }
        self.step(request, "after").await
    }
}

impl World {
    /// The way to the store, on which a request or an answer may get lost.
    async fn step(&self, request: Request<'_>, when: &'static str) -> Result<(), StoreError> {
        // These two are asked by the doors and have faults elsewhere.
        if matches!(request, Request::Remember | Request::Recall) {
            return Ok(());
        }
        self.way().await;
        let fails = match self.outage() {
            Some(outage) => outage == when,
            None => self.strikes(ONE_IN),
        };
        if !fails {
            return Ok(());
        }
        self.count(|tally| tally.store_faults += 1);
        self.tell(format!("the store fails {when} the {}", request.verb()));
        self.may_last(when);
        Err(request.fails())
    }
}
