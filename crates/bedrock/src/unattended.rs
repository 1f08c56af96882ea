//! Work that nobody waits for any more.
//!
//! Bedrock bills what it generates whether or not the client stays to read it (reference `reliability.md` §0.3). So an
//! attempt that is under way when its client leaves is brought to its end, for the bill's sake; another is not begun.

tokio::task_local! {
    static UNATTENDED: ();
}

/// Runs `work`, which nobody waits for any more: [`Client::send`](crate::Client::send) begins no attempt within it.
pub async fn unattended<F: Future>(work: F) -> F::Output {
    UNATTENDED.scope((), work).await
}

/// Whether the current work is one that nobody waits for.
pub fn is_unattended() -> bool {
    UNATTENDED.try_with(|()| ()).is_ok()
}
