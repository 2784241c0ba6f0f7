//! The accepted calls, for tests that look at what the endpoint has sent.

use serde_json::Value;

use crate::simulator::Simulator;

/// The bodies of all accepted calls, in order.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Calls(Vec<Value>);

impl Calls {
    pub(super) fn record(&mut self, body: &Value) {
        self.0.push(body.clone());
    }
}

impl Simulator {
    /// Returns the bodies of all accepted calls, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Value> {
        self.state().calls.0.clone()
    }

    /// Waits until `found` finds something in the accepted calls.
    pub async fn wait_for<T>(&self, mut found: impl FnMut(&[Value]) -> Option<T>) -> T {
        self.wait_until(|| found(&self.calls())).await
    }
}
