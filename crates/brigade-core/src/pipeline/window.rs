//! Order after parallel work: results come in any order and go out in that of the items.
//!
//! It holds one place for each item between the oldest that is not finished and the newest, so it
//! is as large as the caller lets items in.

use std::collections::VecDeque;

#[derive(Debug)]
enum Place<T> {
    Open,
    Done(T),
    Skipped,
}

/// Results that wait for those before them.
///
/// # Examples
///
/// ```
/// use brigade_core::pipeline::Window;
///
/// let mut window = Window::new();
/// let (a, b, c) = (window.enter(), window.enter(), window.enter());
/// assert_eq!(window.done(c, "c"), Ok(()));
/// assert_eq!(window.pop(), None, "a is not finished");
/// assert_eq!(window.done(a, "a"), Ok(()));
/// window.skip(b);
/// assert_eq!([window.pop(), window.pop(), window.pop()], [Some("a"), Some("c"), None]);
/// assert!(window.is_empty());
/// ```
#[derive(Debug)]
pub struct Window<T> {
    /// The number of the first place.
    first: u64,
    places: VecDeque<Place<T>>,
}

impl<T> Window<T> {
    /// Nothing inside.
    pub fn new() -> Self {
        Self {
            first: 0,
            places: VecDeque::new(),
        }
    }

    /// The next item enters: its number.
    pub fn enter(&mut self) -> u64 {
        self.places.push_back(Place::Open);
        self.first + self.places.len() as u64 - 1
    }

    /// The item of this number is finished, with a result.
    ///
    /// # Errors
    ///
    /// If no item of this number is unfinished: the result.
    pub fn done(&mut self, number: u64, result: T) -> Result<(), T> {
        match self.open(number) {
            Some(place) => {
                *place = Place::Done(result);
                Ok(())
            }
            None => Err(result),
        }
    }

    /// The item of this number is finished, without a result: those behind it do not wait for it.
    pub fn skip(&mut self, number: u64) {
        if let Some(place) = self.open(number) {
            *place = Place::Skipped;
        }
    }

    /// Takes the next result in order, if everything before it is finished.
    pub fn pop(&mut self) -> Option<T> {
        while !matches!(self.places.front()?, Place::Open) {
            self.first += 1;
            if let Some(Place::Done(result)) = self.places.pop_front() {
                return Some(result);
            }
        }
        None
    }

    /// Whether every item that entered is finished, and every result taken.
    pub fn is_empty(&self) -> bool {
        let open = |place: &Place<T>| !matches!(place, Place::Skipped);
        !self.places.iter().any(open)
    }

    /// From the oldest item that is not finished, or whose result was not taken, to the newest.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    fn open(&mut self, number: u64) -> Option<&mut Place<T>> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let place = self.places.get_mut(place)?;
        matches!(place, Place::Open).then_some(place)
    }
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self::new()
    }
}
