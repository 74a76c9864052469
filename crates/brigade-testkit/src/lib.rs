//! brigade-testkit.
