//! The fuzzing server of Autobahn: hundreds of conversations of a WebSocket, each with a verdict.
//!
//! It is written in Python 2.7, which cannot be installed everywhere. So without it the trial is
//! ignored, with the commands that bring it, also where `CI` is `true`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use brigade_http::Client;
use brigade_http::websocket::WebSocket;
use libtest_mimic::{Failed, Trial};
use serde::Deserialize;
use serde_json::json;

use crate::nginx::find;
use crate::servers::process::Process;
use crate::{Outcome, close, run};

/// How long all of it may take: some conversations have pauses, and some are of many megabytes.
const TIME_MAX: Duration = Duration::from_secs(300);

/// What the client is called in the verdicts.
const AGENT: &str = "brigade";

const OWN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../target/autobahn/bin/wstest"
);

const REMEDY: &str = "optional: python2.7 -m virtualenv target/autobahn && \
                      target/autobahn/bin/pip install autobahntestsuite==25.10.1";

pub(crate) fn trials() -> Vec<Trial> {
    let name = "h20v_autobahn_finds_no_fault";
    let trial = match program() {
        Some(_) => Trial::test(name, || run(h20v_autobahn_finds_no_fault())).with_kind("wstest"),
        None => Trial::test(name, || Err(REMEDY.into()))
            .with_kind(REMEDY)
            .with_ignored_flag(true),
    };
    vec![trial]
}

fn program() -> Option<PathBuf> {
    let own = PathBuf::from(OWN);
    find("wstest").or_else(|| own.is_file().then_some(own))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    behavior: String,
    behavior_close: String,
}

impl Verdict {
    fn is_good(&self) -> bool {
        // What the standard leaves open is reported, and no fault.
        let good = ["OK", "NON-STRICT", "INFORMATIONAL"];
        let all = [&self.behavior, &self.behavior_close];
        all.iter().all(|found| good.contains(&found.as_str()))
    }
}

async fn h20v_autobahn_finds_no_fault() -> Outcome {
    let program = program().ok_or(REMEDY)?;
    let server = Process::start(&program.display().to_string(), |folder, port| {
        let specification = json!({
            "url": format!("ws://127.0.0.1:{port}"),
            "outdir": "reports",
            "cases": ["*"],
            // Compression is never offered.
            "exclude-cases": ["12.*", "13.*"],
            "exclude-agent-cases": {},
        });
        std::fs::write(folder.join("specification.json"), specification.to_string())?;
        let arguments = ["-m", "fuzzingserver", "-s", "specification.json", "-u", "0"];
        Ok(arguments.map(str::to_owned).to_vec())
    })?;
    let client = Client::builder().no_proxy().build()?;
    let all = converse(&client, server.port());
    let count = tokio::time::timeout(TIME_MAX, all).await??;
    close(client).await?;

    let verdicts = std::fs::read(server.folder().join("reports/index.json"))?;
    let mut verdicts: BTreeMap<String, BTreeMap<String, Verdict>> =
        serde_json::from_slice(&verdicts)?;
    let verdicts = verdicts.remove(AGENT).ok_or("there is no verdict")?;
    let bad: Vec<_> = verdicts
        .iter()
        .filter(|(_, verdict)| !verdict.is_good())
        .collect();
    match bad.is_empty() && verdicts.len() == count && count > 200 {
        true => Ok(()),
        false => Err(format!(
            "{} of {count} verdicts, of which bad: {bad:?}",
            verdicts.len()
        )
        .into()),
    }
}

/// Plays through all conversations, and has the verdicts written. How many there were.
async fn converse(client: &Client, port: u16) -> Result<usize, Failed> {
    let open = async |path: String| {
        let url = format!("ws://127.0.0.1:{port}{path}");
        client.websocket(url)?.connect().await
    };
    let mut counting = open("/getCaseCount".to_owned()).await?;
    let count = counting.next().await.ok_or("no count")??;
    let count: usize = count.as_text().ok_or("the count is no text")?.parse()?;
    drop(counting);
    for case in 1..=count {
        echo(open(format!("/runCase?case={case}&agent={AGENT}")).await?).await;
    }
    let mut writing = open(format!("/updateReports?agent={AGENT}")).await?;
    while writing.next().await.is_some() {}
    Ok(count)
}

/// Sends back what comes. How it ends is what the verdict is about.
async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.next().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}
