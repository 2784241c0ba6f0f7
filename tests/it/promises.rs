//! What is acknowledged is safe: through the real doors, the queue between them, and a store with the limits of the real one.

mod inputs;
mod outages;
mod repeats;
