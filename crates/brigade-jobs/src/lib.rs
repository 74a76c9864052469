//! brigade-jobs.
