//! The forms of a job that are proved: one line for each, so that a new form is a line more.
//!
//! It says what a form is asked for with and where its results are read; nothing about how.

/// How the list is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    File,
    Stdin,
    /// With another column, and commas in it.
    Csv,
}

/// Where results lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines of JSON in parts; the coding follows from their names.
    Parts,
    /// A file for each body, which a line in the parts names.
    Files,
    /// WARC records in parts, and their index.
    Archive,
}

impl Form {
    /// What the paths of the files hold that tell where results are.
    pub fn index(self) -> &'static str {
        match self {
            Self::Parts | Self::Files => "/part-",
            Self::Archive => ".cdxj",
        }
    }
}

/// What is special about the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Plain,
    /// Results must be in the order of the list.
    Ordered,
    /// Every other run begins anew, with what an earlier one left.
    Fresh,
    /// The job was done; what failed is asked for again, and some of it has healed.
    RetryFailed,
}

/// One form.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub args: &'static [&'static str],
    pub list: List,
    pub form: Form,
    pub way: Way,
}

const fn column(
    name: &'static str,
    args: &'static [&'static str],
    list: List,
    form: Form,
    way: Way,
) -> Column {
    Column {
        name,
        args,
        list,
        form,
        way,
    }
}

/// All forms.
pub const COLUMNS: [Column; 17] = [
    column("jsonl", &[], List::File, Form::Parts, Way::Plain),
    column(
        "gzip",
        &["--compress", "gzip"],
        List::File,
        Form::Parts,
        Way::Plain,
    ),
    column(
        "zstd",
        &["--compress", "zstd"],
        List::File,
        Form::Parts,
        Way::Plain,
    ),
    column("json", &["--json"], List::File, Form::Parts, Way::Plain),
    column(
        "ordered",
        &["--ordered"],
        List::File,
        Form::Parts,
        Way::Ordered,
    ),
    column(
        "ordered-zstd",
        &["--ordered", "--compress", "zstd"],
        List::File,
        Form::Parts,
        Way::Ordered,
    ),
    column(
        "files",
        &["--format", "files"],
        List::File,
        Form::Files,
        Way::Plain,
    ),
    column(
        "warc",
        &["--format", "warc"],
        List::File,
        Form::Archive,
        Way::Plain,
    ),
    column(
        "warc-plain",
        &["--format", "warc", "--compress", "none"],
        List::File,
        Form::Archive,
        Way::Plain,
    ),
    column(
        "revisits",
        &["--format", "warc", "--revisits"],
        List::File,
        Form::Archive,
        Way::Plain,
    ),
    column("stdin", &[], List::Stdin, Form::Parts, Way::Plain),
    column(
        "csv",
        &["--input-format", "csv"],
        List::Csv,
        Form::Parts,
        Way::Plain,
    ),
    column("dedupe", &["--dedupe"], List::File, Form::Parts, Way::Plain),
    column("fresh", &[], List::File, Form::Parts, Way::Fresh),
    column(
        "fresh-files",
        &["--format", "files"],
        List::File,
        Form::Files,
        Way::Fresh,
    ),
    column(
        "fresh-warc",
        &["--format", "warc"],
        List::File,
        Form::Archive,
        Way::Fresh,
    ),
    column(
        "retry-failed",
        &[],
        List::File,
        Form::Parts,
        Way::RetryFailed,
    ),
];
