//! What must not be left when a story is over.

/// Fails the story if it has gone well until here and something is left.
pub fn check(left: impl FnOnce() -> Vec<String>) {
    if std::thread::panicking() {
        return;
    }
    let left = left();
    assert!(left.is_empty(), "the story is over, and this is left:\n  {}", left.join("\n  "));
}
