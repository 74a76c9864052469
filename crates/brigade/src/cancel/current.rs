//! The cancellation of the running task, seen from inside.

use super::context;
use super::token::Token;

/// The token of the running task: it fires when the task is cancelled, or the group whose body is
/// running in it.
///
/// Most code needs no token, because a cancelled task is dropped at its next await. It is for code
/// under a [`shield`](super::shield), which decides itself how to end, and for handing a stop
/// signal to something else. Cancelling the token reaches those who listen to it, not the task.
///
/// Outside any group it is a fresh token that nothing else will cancel.
///
/// # Examples
///
/// ```
/// use brigade::cancel;
///
/// assert!(!cancel::current().is_cancelled());
/// ```
pub fn current() -> Token {
    context::scope().map_or_else(Token::new, |scope| scope.token())
}
