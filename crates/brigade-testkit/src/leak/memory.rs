//! Whether memory stays flat while something is done again and again.
//!
//! It measures what the system sees, so it finds any leak that is large enough, and none of which
//! it could say where it is.

use super::system;
use std::io;

/// Runs `work` for as many rounds twice, and returns by how many bytes the resident memory of the
/// process grew in the second half.
///
/// The first half is for pools, caches and buffers, which grow at first as they should. The rest is
/// noise of the allocator, some hundred KiB, so choose the rounds such that a leak would be much
/// more than that, and give the check a process to itself.
///
/// # Errors
///
/// The system does not say how much memory a process has (it has no `/proc`).
///
/// # Cancel safety
///
/// Dropping it drops `work` where it stands.
///
/// # Examples
///
/// ```
/// use brigade_testkit::leak::memory_growth;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let mut kept = Vec::new();
/// let grew = memory_growth(200, async || kept.push(vec![1_u8; 64 * 1024])).await?;
/// assert!(grew > 8 << 20, "the leak was not seen: {grew}");
///
/// let grew = memory_growth(200, async || drop(vec![1_u8; 64 * 1024])).await?;
/// assert!(grew < 4 << 20, "grew by {grew}");
/// # std::io::Result::Ok(()) })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn memory_growth(rounds: usize, mut work: impl AsyncFnMut()) -> io::Result<u64> {
    for _ in 0..rounds {
        work().await;
    }
    let before = system::resident()?;
    for _ in 0..rounds {
        work().await;
    }
    Ok(system::resident()?.saturating_sub(before))
}
