//! The picture of everything that lives, as a tree.
//!
//! It is taken scope by scope while the program runs on, so what comes or goes meanwhile may be in
//! it or not. A scope whose lock is held for long shows no children rather than holding it up.

use std::fmt;

use super::blocking::{address, calls};
use super::entry::{Living, State};
use crate::cancel::{context, roots};
use crate::clock;

/// Everything that was running when [`tree`] was called.
///
/// It is in the order in which it prints: each group, task or call before what belongs to it, which
/// has a [`depth`](Living::depth) greater by one. Places count from 0.
#[derive(Clone, Debug, Default)]
pub struct Tree(Vec<Living>);

impl Tree {
    /// All that lives, from the outside in.
    pub fn iter(&self) -> std::slice::Iter<'_, Living> {
        self.0.iter()
    }

    /// What is directly inside of the one at `place`, with its places.
    pub fn children(&self, place: usize) -> impl Iterator<Item = (usize, &Living)> {
        let depth = self.0.get(place).map_or(usize::MAX, |one| one.depth);
        let below = self.0.iter().enumerate().skip(place.saturating_add(1));
        let below = below.take_while(move |(_, one)| one.depth > depth);
        below.filter(move |(_, one)| one.depth == depth + 1)
    }

    /// What the one at `place` is inside of, with its places, the innermost first.
    pub fn ancestors(&self, place: usize) -> impl Iterator<Item = (usize, &Living)> {
        let mut depth = self.0.get(place).map_or(0, |one| one.depth);
        let before = self.0.iter().enumerate().take(place).rev();
        before.filter(move |(_, one)| {
            let is_next = one.depth < depth;
            depth = depth.min(one.depth);
            is_next
        })
    }

    /// Whether a shield further out defers its drop.
    fn is_sheltered(&self, place: usize) -> bool {
        self.ancestors(place).any(|(_, one)| one.shielded)
    }

    /// Whether nothing was running.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many things were running.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
impl From<Vec<Living>> for Tree {
    fn from(list: Vec<Living>) -> Self {
        Self(list)
    }
}

impl IntoIterator for Tree {
    type Item = Living;
    type IntoIter = std::vec::IntoIter<Living>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'t> IntoIterator for &'t Tree {
    type Item = &'t Living;
    type IntoIter = std::slice::Iter<'t, Living>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One line for each, moved in by its depth, with what keeps it from ending.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, one) in self.iter().enumerate() {
            let line_end = if place == 0 { "" } else { "\n" };
            write!(f, "{line_end}{:1$}{one}{2}", "", 2 * one.depth, one.state)?;
            if one.shielded {
                f.write_str(", shielded")?;
            } else if matches!(one.state, State::Cancelled(_)) && !self.is_sheltered(place) {
                f.write_str(", no await reached since")?;
            }
            let is_over = one.state == State::Ending;
            match self.children(place).count() {
                0 if is_over => f.write_str(", runs its finalisers")?,
                0 => {}
                count if is_over => write!(f, ", waits for {count}")?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Takes a picture of what is running in the whole process.
///
/// A blocking call is inside of the task that made it, until that is gone.
///
/// # Examples
///
/// ```
/// use brigade::{living, task_group};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let group = task_group(async |g| {
///     g.spawn_named("worker", std::future::pending::<Result<(), String>>());
///     let tree = living::tree();
///     let (place, _) = tree.iter().enumerate().find(|(_, one)| one.name == "worker").unwrap();
///     assert_eq!(tree.ancestors(place).count(), 1);
///     println!("{tree}");
///     g.cancel();
///     Ok(())
/// });
/// # let _ = group.await;
/// # });
/// ```
pub fn tree() -> Tree {
    let now = clock::now();
    let mut calls = calls();
    let mut found = Vec::new();
    let mut open: Vec<_> = roots::roots().into_iter().map(|root| (root, 0)).collect();
    while let Some((scope, depth)) = open.pop() {
        found.push(Living::of(&scope, now, depth));
        let scope_address = Some(address(&scope));
        let own = calls.extract_if(.., |call| call.scope == scope_address);
        found.extend(own.map(|call| Living::blocking(call, now, depth + 1)));
        let members = scope.members_soon().into_iter();
        open.extend(members.map(|member| (member, depth + 1)).rev());
    }
    found.extend(calls.into_iter().map(|call| Living::blocking(call, now, 0)));
    Tree(found)
}

/// Lists what is running in the whole process, in the order of the [`tree`].
///
/// # Examples
///
/// ```
/// for living in brigade::living::list() {
///     println!("{living}");
/// }
/// ```
pub fn list() -> Vec<Living> {
    tree().0
}

/// Where the running code is: the groups and tasks that it is inside of, the outermost first, its
/// own task or group last. It is empty outside of any group.
///
/// # Examples
///
/// ```
/// use brigade::{living, task_group};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let group = task_group(async |g| {
///     let path = g.spawn_named("worker", async { Ok::<_, String>(living::path()) });
///     Ok(path.await)
/// });
/// let path = group.await.unwrap();
/// assert!(path.iter().map(|one| &*one.name).eq(["group", "worker"]));
/// # });
/// ```
pub fn path() -> Vec<Living> {
    let now = clock::now();
    let mut scopes = Vec::new();
    let mut next = context::scope();
    while let Some(scope) = next {
        next = scope.parent.clone();
        scopes.push(scope);
    }
    let outermost_first = scopes.iter().rev().enumerate();
    outermost_first
        .map(|(depth, scope)| Living::of(scope, now, depth))
        .collect()
}
