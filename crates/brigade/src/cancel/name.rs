//! The name of a task or a group.
//!
//! Nearly all names are static, so that is what it is small for: two words in every task.

use std::borrow::Cow;
use std::fmt;

#[derive(Clone)]
pub(crate) enum Name {
    Static(&'static str),
    #[expect(clippy::box_collection, reason = "it keeps the name at two words")]
    Owned(Box<String>),
}

impl Name {
    pub(crate) fn into_text(self) -> Cow<'static, str> {
        match self {
            Self::Static(name) => Cow::Borrowed(name),
            Self::Owned(name) => Cow::Owned(*name),
        }
    }
}

impl From<Cow<'static, str>> for Name {
    fn from(name: Cow<'static, str>) -> Self {
        match name {
            Cow::Borrowed(name) => Self::Static(name),
            Cow::Owned(name) => Self::Owned(Box::new(name)),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(name) => name.fmt(f),
            Self::Owned(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_takes_two_words() {
        assert_eq!(size_of::<Name>(), 2 * size_of::<usize>());
        let owned = Name::from(Cow::Owned(String::from("owned")));
        assert_eq!(owned.into_text(), "owned");
    }
}
