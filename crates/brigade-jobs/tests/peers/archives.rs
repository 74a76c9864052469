//! F8g: archives in the hands of the tools that archivists use.
//!
//! Some of them are content with an archive that is cut off, so what they count is compared too.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use brigade::cancel::Token;
use brigade_http::Client;
use brigade_jobs::{Compression, Config, Format, Input, State, Versions};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use tempfile::TempDir;

use crate::nginx::{Nginx, answers, free};
use crate::programs::{GZIP, NGINX, PYTHON, said, tool, trial};
use crate::sent::run;

/// Files that are served, and redirects and empty responses beside them.
const FILES: usize = 120;

pub(crate) fn trials() -> Vec<Trial> {
    let peers = [NGINX, PYTHON];
    vec![
        trial(
            "f8g_plain_archives_are_sound_to_all_tools",
            &peers,
            f8g_plain_archives_are_sound_to_all_tools,
        ),
        trial(
            "f8g_compressed_archives_are_sound_to_all_tools",
            &[NGINX, PYTHON, GZIP],
            f8g_compressed_archives_are_sound_to_all_tools,
        ),
        trial(
            "f8g_archives_of_http_2_are_sound_to_all_tools",
            &peers,
            f8g_archives_of_http_2_are_sound_to_all_tools,
        ),
        trial(
            "f8g_pywb_replays_what_was_fetched",
            &peers,
            f8g_pywb_replays_what_was_fetched,
        ),
        trial(
            "f8j_archives_with_revisits_are_sound_to_all_tools",
            &[NGINX, PYTHON, GZIP],
            f8j_archives_with_revisits_are_sound_to_all_tools,
        ),
        trial(
            "f8j_pywb_replays_what_is_referred_to",
            &peers,
            f8j_pywb_replays_what_is_referred_to,
        ),
    ]
}

fn f8g_plain_archives_are_sound_to_all_tools() -> Result<(), Failed> {
    sound(Kind::Plain)
}

fn f8g_compressed_archives_are_sound_to_all_tools() -> Result<(), Failed> {
    sound(Kind::Compressed)
}

fn f8g_archives_of_http_2_are_sound_to_all_tools() -> Result<(), Failed> {
    sound(Kind::Http2)
}

fn f8j_archives_with_revisits_are_sound_to_all_tools() -> Result<(), Failed> {
    sound(Kind::Revisits)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Compressed,
    Http2,
    Revisits,
}

/// A finished job, and the server that it asked.
struct Archived {
    place: TempDir,
    nginx: Nginx,
    /// What was asked for, from the root.
    paths: Vec<String>,
}

impl Archived {
    fn new(kind: Kind) -> Result<Self, Failed> {
        let place = tempfile::tempdir()?;
        let root = place.path().join("root");
        fs::create_dir_all(root.join("plain"))?;
        fs::write(root.join("page.txt"), "a page")?;
        for number in 0..FILES {
            fs::write(root.join(format!("plain/{number}.txt")), body(number))?;
        }
        fs::create_dir(root.join("plain/again"))?;
        for number in 0..FILES {
            let body = format!("the same {} again, ", number % 2).repeat(500);
            fs::write(root.join(format!("plain/again/{number}.txt")), body)?;
        }
        let nginx = Nginx::serve(&root)?;
        let address = match kind {
            Kind::Http2 => nginx.http2,
            _ => nginx.http1,
        };
        let mut paths = paths();
        if kind == Kind::Revisits {
            paths.extend(again());
        }
        let urls = paths.iter().map(|path| format!("http://{address}{path}"));
        let mut config = Config::new(Input::Urls(urls.collect()), place.path().join("out"));
        config.format = Format::Warc;
        config.compression = match kind {
            Kind::Plain => Compression::None,
            _ => Compression::Gzip,
        };
        if kind == Kind::Http2 {
            config.versions = Versions::Http2;
        }
        if kind == Kind::Revisits {
            (config.revisits, config.concurrency) = (true, 4);
        }
        config.part_max = 100_000;
        config.commit_every = 20;
        let summary = run(config, &Token::new())?;
        assert_eq!(
            (summary.state, summary.failed),
            (State::Done, 0),
            "{summary:?}"
        );
        assert!(summary.parts > 2, "{} parts", summary.parts);
        Ok(Self {
            place,
            nginx,
            paths,
        })
    }

    fn out(&self) -> PathBuf {
        self.place.path().join("out")
    }

    fn parts(&self) -> Result<Vec<PathBuf>, Failed> {
        let mut parts = Vec::new();
        for entry in fs::read_dir(self.out())? {
            let path = entry?.path();
            if path.to_string_lossy().contains(".warc") {
                parts.push(path);
            }
        }
        parts.sort();
        Ok(parts)
    }

    /// The lines of the index, each an object.
    fn index(&self) -> Result<Vec<String>, Failed> {
        let text = fs::read_to_string(self.out().join("index.cdxj"))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

/// Words, bytes that compress badly, nothing at all; up to 200 kB.
fn body(number: usize) -> Vec<u8> {
    match number % 10 {
        0 => Vec::new(),
        1 => format!("words of {number}, ")
            .repeat(20_000 / (number + 1))
            .into_bytes(),
        2 => {
            let mut random = fastrand::Rng::with_seed(number as u64);
            (0..random.usize(1..50_000))
                .map(|_| random.u8(..))
                .collect()
        }
        _ => format!("<p>{number}</p>\r\n\r\n")
            .repeat(number + 1)
            .into_bytes(),
    }
}

/// Plain and compressed files, and whatever makes keys of an index differ.
fn paths() -> Vec<String> {
    let session = "0123456789abcdefghijklmnopqrstuv";
    let odd = [
        "/moved".to_owned(),
        "/nothing".to_owned(),
        "/?".to_owned(),
        "/A%20b/../C//d/%41/?b=2&a=1&B=%C3%BC&&c".to_owned(),
        "/%2561%25/ü/%22'(x)[y]|z?q=\"<>`{}^\\|~!".to_owned(),
        format!("/x?b=1&jsessionid={session}&a=2"),
        format!("/x?PHPSESSID={session}"),
        format!("/(S({}))/Page.aspx?x", &session[..24]),
        "/x?cfid=1&cftoken=2&z".to_owned(),
        "/x?ASPSESSIONIDABCDEFGH=abcdefghijklmnopqrstuvwx".to_owned(),
        "/www.www2./x/?=&=b&a".to_owned(),
    ];
    let files = (0..FILES)
        .flat_map(|number| ["plain", "gzip/plain"].map(|folder| format!("/{folder}/{number}.txt")));
    odd.into_iter().chain(files).collect()
}

/// Two bodies, plain and compressed, over and over.
fn again() -> impl Iterator<Item = String> {
    (0..FILES).flat_map(|number| {
        let folders = ["plain", "gzip/plain"];
        folders.map(|folder| format!("/{folder}/again/{number}.txt"))
    })
}

fn sound(kind: Kind) -> Result<(), Failed> {
    let archived = Archived::new(kind)?;
    let parts = archived.parts()?;
    let lines = archived.index()?;
    // The redirect was followed by a request of its own.
    assert_eq!(lines.len(), archived.paths.len() + 1);
    let (mut records, mut revisits) = (0, 0);
    for part in &parts {
        if kind != Kind::Plain {
            said(Command::new("gzip").arg("-t").arg(part))?;
        }
        let said = said(
            tool("warcio")
                .args(["index", "-f", "warc-type,offset"])
                .arg(part),
        )?;
        records += said.lines().count();
        revisits += said.matches("\"revisit\"").count();
        let count = checked(part)?;
        assert_eq!(count, said.lines().count(), "{}", part.display());
    }
    assert_eq!(
        records,
        2 * lines.len() + parts.len(),
        "a warcinfo record for each part"
    );
    let expected = match kind {
        // Of the same moment some are kept, while the first is on its way into its part.
        Kind::Revisits => FILES / 2..=2 * FILES - 4,
        _ => 0..=0,
    };
    assert!(expected.contains(&revisits), "{revisits} revisits");
    let chunked = unverified(&parts)?;
    let compressed = |line: &&String| line.contains("/gzip/plain/");
    // An empty file is not compressed, and one of HTTP/2 is not sent in chunks.
    let expected = match kind {
        Kind::Http2 => 0,
        _ => lines.iter().filter(compressed).count() - FILES / 10 - compressed_revisits(&lines),
    };
    assert_eq!(
        chunked, expected,
        "payloads that warcio counts with their framing"
    );
    reindexed(&parts, &lines)
}

/// The revisits of compressed bodies, which have no payload of their own.
fn compressed_revisits(lines: &[String]) -> usize {
    let revisits = lines.iter().filter(|line| line.contains("warc/revisit"));
    revisits
        .filter(|line| line.contains("/gzip/plain/"))
        .count()
}

/// How many records fastwarc has found sound, which must be all.
fn checked(part: &Path) -> Result<usize, Failed> {
    let output = tool("fastwarc").args(["check"]).arg(part).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("{}: {text}\n{complaint}", part.display()).into());
    }
    let count = [text, complaint].concat();
    let count = count.split_whitespace().next().unwrap_or_default().parse();
    Ok(count.map_err(|_| "fastwarc does not say how many records it has found sound")?)
}

/// Has warcio check all digests, and returns how many payloads it finds different, which it counts
/// with their chunked framing; anything else is an error.
fn unverified(parts: &[PathBuf]) -> Result<usize, Failed> {
    let output = tool("warcio").args(["check", "-v"]).args(parts).output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut failed = 0;
    for line in text.lines().map(str::trim) {
        let is_fine = line.ends_with("digest pass")
            // What it does not look at, fastwarc has.
            || line == "digest present but not checked (revisit)"
            || line.starts_with("offset ")
            || line.ends_with(".warc.gz")
            || line.ends_with(".warc");
        match line.starts_with("payload digest failed") {
            true => failed += 1,
            false if is_fine => {}
            false => return Err(format!("warcio check: {line}").into()),
        }
    }
    assert_eq!(output.status.success(), failed == 0, "{text}");
    Ok(failed)
}

/// Has the archives indexed anew: the lines are ours, but for what we say beside.
fn reindexed(parts: &[PathBuf], lines: &[String]) -> Result<(), Failed> {
    let said = said(tool("cdxj-indexer").arg("--sort").args(parts))?;
    let theirs: BTreeSet<String> = said.lines().map(str::to_owned).collect();
    let mut ours = BTreeSet::new();
    for line in lines {
        let at = line.find(" {").ok_or("a line without an object")?;
        let mut object: Value = serde_json::from_str(&line[at + 1..])?;
        let object = object.as_object_mut().ok_or("no object")?;
        assert!(
            object.remove("line").is_some_and(|line| line.is_u64()),
            "{line}"
        );
        ours.insert((line[..at].to_owned(), format!("{object:?}")));
    }
    let mut found = BTreeSet::new();
    for line in &theirs {
        let at = line.find(" {").ok_or("a line without an object")?;
        let object: Value = serde_json::from_str(&line[at + 1..])?;
        let object = object.as_object().ok_or("no object")?;
        found.insert((line[..at].to_owned(), format!("{object:?}")));
    }
    let differ: Vec<_> = ours.symmetric_difference(&found).take(6).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    assert_eq!(theirs.len(), lines.len());
    Ok(())
}

/// pywb, until it is dropped.
struct Replay(Child);

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn f8g_pywb_replays_what_was_fetched() -> Result<(), Failed> {
    replayed(&Archived::new(Kind::Compressed)?)
}

fn f8j_pywb_replays_what_is_referred_to() -> Result<(), Failed> {
    replayed(&Archived::new(Kind::Revisits)?)
}

fn replayed(archived: &Archived) -> Result<(), Failed> {
    let collections = archived.place.path().join("replay");
    let job = collections.join("collections/job");
    fs::create_dir_all(job.join("archive"))?;
    fs::create_dir_all(job.join("indexes"))?;
    for part in archived.parts()? {
        let name = part.file_name().ok_or("a name")?;
        fs::copy(&part, job.join("archive").join(name))?;
    }
    let index = archived.out().join("index.cdxj");
    fs::copy(index, job.join("indexes/index.cdxj"))?;
    let address = free()?;
    let port = address.port().to_string();
    let wayback = tool("wayback")
        .args(["-b", "127.0.0.1", "-p", &port, "-d"])
        .arg(&collections)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let _replay = Replay(wayback);
    assert!(answers(address), "pywb does not start");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(compare(archived, &format!("http://{address}/job")))
}

/// Compares samples of what is replayed with what nginx says of them.
async fn compare(archived: &Archived, replay: &str) -> Result<(), Failed> {
    let client = Client::builder().no_proxy().build()?;
    let limit = Duration::from_secs(60);
    for path in archived
        .paths
        .iter()
        .step_by(7)
        .chain(&archived.paths[..11])
    {
        let url = format!("http://{}{path}", archived.nginx.http1);
        let live = client.get(&url)?.timeout(limit).redirects(0).send().await?;
        let kept = client.get(format!("{replay}/id_/{url}"))?;
        let mut kept = kept.timeout(limit).redirects(0).send().await?;
        // pywb redirects to the moment that it has.
        while kept.status() != live.status() {
            let to = kept
                .headers()
                .get("location")
                .and_then(|to| to.to_str().ok());
            let to = kept
                .url()
                .join(to.ok_or(format!("{url}: {}", kept.status()))?)?;
            kept = client.get(to)?.timeout(limit).redirects(0).send().await?;
        }
        let what = live.headers().get("content-type").cloned();
        assert_eq!(kept.headers().get("content-type"), what.as_ref(), "{url}");
        assert_eq!(kept.bytes().await?, live.bytes().await?, "{url}");
    }
    client.close().await;
    Ok(())
}
