//! Trials: a job that is disturbed some times and then left alone, and what is wrong in the end.
//!
//! A trial follows from its seed, as far as the scheduling of threads allows. It never forgives: what
//! a run says by its exit code is held against what lies in the directory, and, where a power cut is
//! part of the trial, against what would lie there after one.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;

use crate::Result;
use crate::column::{Column, List, Way};
use crate::content::Mercy;
use crate::disk::Disk;
use crate::job::{self, Place, Run, Trouble};
use crate::kind::{Course, Kind};
use crate::output::{Difference, Output};
use crate::record::Record;
use crate::site::Site;

const USAGE: i32 = 2;
const TERMINATED: i32 = 143;
/// The grace of the command, and a second.
const GRACE: Duration = Duration::from_secs(11);
/// Disturbances of one job at most.
const DISTURBANCES: u64 = 6;

/// What happened in the trials of one form and one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub trials: u64,
    pub disturbances: u64,
    pub difference: Difference,
    /// Runs that ended otherwise than they must.
    pub exits: u64,
    /// Faults that made no difference to a job that came to its end.
    pub absorbed: u64,
    /// Requests beyond those of an undisturbed run.
    pub extra: i64,
}

impl Tally {
    pub fn is_clean(&self) -> bool {
        self.difference.is_none() && self.exits == 0
    }
}

/// What an undisturbed run does.
#[derive(Debug)]
struct Reference {
    output: Output,
    code: i32,
    requests: u64,
    course: Course,
}

/// A form with its site and the reference to hold trials against.
pub struct Stand {
    column: Column,
    site: Site,
    folder: PathBuf,
    programs: Programs,
    reference: Reference,
}

/// What is run.
#[derive(Clone, Debug)]
pub struct Programs {
    pub brigade: PathBuf,
    pub faults: PathBuf,
}

/// One job in one directory.
struct Trial<'a> {
    stand: &'a Stand,
    kind: Kind,
    random: Rng,
    place: Place,
    disk: Disk,
    tally: Tally,
    complaints: Vec<String>,
    /// The runs so far, to be told if one is complained of.
    history: Vec<String>,
}

impl Stand {
    /// Runs the job undisturbed, with and without the library of faults.
    pub fn new(column: Column, programs: &Programs, folder: &Path) -> Result<Self> {
        let folder = folder.join(column.name);
        fs::create_dir_all(&folder)?;
        let site = Site::start()?;
        fs::write(folder.join("list"), list(&site, column.list))?;
        let reference = Reference {
            output: Output::default(),
            code: 0,
            requests: 0,
            course: Course::default(),
        };
        let programs = programs.clone();
        let mut stand = Self {
            column,
            site,
            folder,
            programs,
            reference,
        };
        stand.reference = stand.undisturbed(&Trouble::Nothing)?;
        let followed = stand.undisturbed(&Trouble::Fault("none".to_owned()))?;
        if followed.output.against(&stand.reference.output) != Difference::default() {
            return Err(format!("{}: two undisturbed runs differ", column.name).into());
        }
        // Followed, it takes longer.
        let took = stand.reference.course.took;
        stand.reference.course = Course {
            took,
            ..followed.course
        };
        Ok(stand)
    }

    /// What the undisturbed run was like, in one line.
    pub fn account(&self) -> String {
        let (ok, failed) = self.reference.output.counts();
        format!(
            "{}: {ok} results, {failed} failures, {} requests, {} calls, {} ms",
            self.column.name,
            self.reference.requests,
            self.reference.course.calls,
            self.reference.course.took.as_millis()
        )
    }

    fn undisturbed(&self, trouble: &Trouble) -> Result<Reference> {
        let place = self.place("undisturbed")?;
        self.site.reset();
        let mut disk = Disk::new(&place.root);
        self.prepare(&place, &mut disk)?;
        let run = job::run(&place, &self.column, self.args(), trouble)?;
        let calls = run.records.iter().filter(|record| is_counted(record));
        let torn = self.column.form.index();
        let course = Course {
            took: run.took,
            calls: calls.count() as u64,
            writes: writes(&run.records, torn),
            torn,
        };
        let output = Output::read(&place.output(), &self.column);
        if !output.odd.is_empty() || !matches!(run.code(), Some(0 | 1)) {
            let name = self.column.name;
            return Err(format!(
                "{name}: undisturbed: {:?}: {} {:?}",
                run.status, run.stderr, output.odd
            )
            .into());
        }
        fs::remove_dir_all(&place.root)?;
        Ok(Reference {
            output,
            code: run.code().unwrap_or_default(),
            requests: self.site.requests(),
            course,
        })
    }

    /// What comes before the runs that are disturbed.
    fn prepare(&self, place: &Place, disk: &mut Disk) -> Result<()> {
        if self.column.way == Way::RetryFailed {
            let run = job::run(place, &self.column, &[], &Trouble::Fault("none".to_owned()))?;
            run.records
                .into_iter()
                .try_for_each(|record| disk.play(record))?;
            self.site.heal();
        }
        Ok(())
    }

    fn args(&self) -> &'static [&'static str] {
        match self.column.way {
            Way::RetryFailed => &["--retry-failed"],
            _ => &[],
        }
    }

    fn place(&self, name: &str) -> Result<Place> {
        let root = self.folder.join(name);
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        fs::create_dir(&root)?;
        Ok(Place {
            brigade: self.programs.brigade.clone(),
            faults: self.programs.faults.clone(),
            root,
            list: self.folder.join("list"),
            journal: self.folder.join(format!("{name}.journal")),
        })
    }

    /// One job, disturbed and brought to its end.
    pub fn trial(&self, kind: Kind, number: u64, seed: u64) -> Result<Tally> {
        let name = format!("{}-{number}", kind.name());
        let place = self.place(&name)?;
        self.site.reset();
        let mut disk = Disk::new(&place.root);
        self.prepare(&place, &mut disk)?;
        let mut trial = Trial {
            stand: self,
            kind,
            random: Rng::with_seed(seed),
            disk,
            place,
            tally: Tally {
                trials: 1,
                ..Tally::default()
            },
            complaints: Vec::new(),
            history: Vec::new(),
        };
        trial.disturb()?;
        trial.end()?;
        let tally = trial.tally;
        if trial.complaints.is_empty() {
            fs::remove_dir_all(&trial.place.root)?;
            return Ok(tally);
        }
        for line in trial.complaints.iter().chain(&trial.history) {
            println!("{} {name}: {line}", self.column.name);
        }
        Ok(tally)
    }
}

impl Trial<'_> {
    fn disturb(&mut self) -> Result<()> {
        let course = self.stand.reference.course;
        for _ in 0..self.random.u64(1..=DISTURBANCES) {
            let trouble = self.kind.draw(&mut self.random, course);
            let fresh = self.stand.column.way == Way::Fresh && self.random.bool();
            let run = self.run(fresh, &trouble)?;
            if self.judge(&run, &trouble)? {
                self.tally.disturbances += 1;
            }
            let cuts = self.kind == Kind::Power || self.kind == Kind::Mixed && self.random.bool();
            if run.signal() == Some(libc::SIGKILL) && cuts {
                self.disk.check()?;
                self.disk.cut(&mut self.random, Mercy::Chance)?;
                self.history.push("  power cut".to_owned());
            }
        }
        Ok(())
    }

    fn run(&mut self, fresh: bool, trouble: &Trouble) -> Result<Run> {
        let args = if fresh {
            &["--fresh"]
        } else {
            self.stand.args()
        };
        let mut run = job::run(&self.place, &self.stand.column, args, trouble)?;
        for record in &run.records {
            self.disk.play(record.clone())?;
        }
        run.records
            .retain(|record| matches!(record, Record::Fault { .. }));
        let (faults, said): (Vec<_>, _) = (run.faults().take(3).collect(), run.stderr.trim());
        self.history.push(format!(
            "  run: {args:?} {trouble:?} {faults:?}: {:?} {said}",
            run.status
        ));
        Ok(run)
    }

    /// Whether the trouble came about; complains if the run did not end as it must.
    fn judge(&mut self, run: &Run, trouble: &Trouble) -> Result<bool> {
        let done = run.code() == Some(self.stand.reference.code);
        let failed = run.faults().next().is_some();
        let said = run.stderr.lines().count();
        let refused = run.code() == Some(USAGE) && said == 1;
        let (right, came) = match trouble {
            Trouble::Nothing => (done, false),
            Trouble::Signal(libc::SIGTERM, _) => {
                let stopped = run.code() == Some(TERMINATED);
                let died = run.signal() == Some(libc::SIGTERM);
                let in_time = run.after_signal.is_none_or(|time| time <= GRACE);
                ((stopped || died || done) && in_time, stopped || died)
            }
            _ if run.signal() == Some(libc::SIGKILL) => (true, true),
            Trouble::Signal(..) => (done, false),
            Trouble::Fault(_) => (done || failed && refused, failed),
        };
        // A directory that was half cleared may be refused until it is cleared whole.
        let uncleared =
            self.stand.column.way == Way::Fresh && refused && run.stderr.contains("--fresh");
        if !(right || uncleared) || run.status.is_none() {
            let faults: Vec<_> = run.faults().collect();
            self.tally.exits += 1;
            self.complain(format!(
                "{trouble:?} {faults:?}: {:?}: {}",
                run.status,
                run.stderr.trim()
            ));
        } else if done {
            if failed {
                // It says that it is done: then it must be done even if the power fails now.
                self.tally.absorbed += 1;
                self.disk.cut(&mut self.random, Mercy::None)?;
            }
            self.compare(&format!("{trouble:?}"));
        }
        Ok(came)
    }

    /// The last run, which nothing disturbs.
    fn end(&mut self) -> Result<()> {
        let follow = match self.kind.has_faults() {
            true => Trouble::Fault("none".to_owned()),
            false => Trouble::Nothing,
        };
        let mut run = self.run(false, &follow)?;
        if self.stand.column.way == Way::Fresh && run.stderr.contains("--fresh") {
            run = self.run(true, &follow)?;
        }
        if run.code() != Some(self.stand.reference.code) {
            self.tally.exits += 1;
            self.complain(format!(
                "the last run: {:?}: {}",
                run.status,
                run.stderr.trim()
            ));
        }
        let (asked, needed) = (self.stand.site.requests(), self.stand.reference.requests);
        self.tally.extra = asked.cast_signed() - needed.cast_signed();
        self.compare("the last run");
        if self.kind.has_faults() {
            self.disk.check()?;
            self.disk.cut(&mut self.random, Mercy::None)?;
            self.compare("a power cut after the last run");
        }
        Ok(())
    }

    fn compare(&mut self, after: &str) {
        let output = Output::read(&self.place.output(), &self.stand.column);
        let difference = output.against(&self.stand.reference.output);
        if !difference.is_none() {
            self.complain(format!("after {after}: {difference:?} {:?}", output.odd));
        }
        self.tally.difference.add(difference);
    }

    fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }
}

/// Whether the library of faults counts the call that this record is of.
fn is_counted(record: &Record) -> bool {
    !matches!(
        record,
        Record::Opened { created: false, .. } | Record::Fault { .. }
    )
}

/// The writes into files whose path holds this.
fn writes(records: &[Record], torn: &str) -> u64 {
    let (mut meant, mut writes) = (HashMap::new(), 0);
    for record in records {
        match record {
            Record::Opened { inode, path, .. } => _ = meant.insert(*inode, path.contains(torn)),
            Record::Written { inode, .. } if meant.get(inode) == Some(&true) => writes += 1,
            _ => {}
        }
    }
    writes
}

fn list(site: &Site, list: List) -> String {
    match list {
        List::File | List::Stdin => site.lines().join("\n"),
        List::Csv => {
            let records = site.lines().into_iter().enumerate();
            let records = records.map(|(place, url)| format!("\"{place}, or so\",{url}\r\n"));
            std::iter::once("name,url\r\n".to_owned())
                .chain(records)
                .collect()
        }
    }
}
