//! The price of one request: scenes times clients, measured in turn by one loop.
//!
//! All clients run pinned to the first processor against a server on the second: nginx, and hyper
//! for HTTP/2 in the clear. What differs between two scenes or two clients is data; no scene has
//! code of its own.

mod clients;
mod h2_server;
mod memory;
mod place;
mod scenes;

use crate::measure::Cost;
use crate::report::{Report, Side};
use crate::{Options, Result};

use clients::{CLIENTS, Client};
use place::Place;
use scenes::Scene;

/// Runs the scenes of these names; all, and then the result is kept, if there are none.
pub fn run(options: Options, names: &[&str]) -> Result<()> {
    let scenes = scenes::chosen(names)?;
    let place = Place::new()?;
    let mut report = Report::default();
    let clients: Vec<&Client> = CLIENTS
        .iter()
        .filter(|client| match client.missing(&place) {
            Some(why) => {
                report.line(format!("{} is skipped: {why}.", client.name));
                false
            }
            None => true,
        })
        .collect();
    let mut measured = Vec::new();
    for scene in scenes {
        let sides = measure(scene, &clients, &place, options)?;
        tell(&mut report, scene, &sides, options.count);
        measured.push((scene, sides));
    }
    memory::tell(&mut report, &measured);
    if names.is_empty() {
        report.keep("http")?;
    }
    Ok(())
}

/// All rounds of one scene.
fn measure(
    scene: &Scene,
    clients: &[&Client],
    place: &Place,
    options: Options,
) -> Result<Vec<Side>> {
    let clients: Vec<&&Client> = clients
        .iter()
        .filter(|client| (client.plays)(scene))
        .collect();
    let mut sides: Vec<Side> = clients
        .iter()
        .map(|client| Side::new(client.name))
        .collect();
    for round in 0..=options.rounds {
        for (client, side) in clients.iter().zip(&mut sides) {
            if client.is_slow && round != 1 {
                continue;
            }
            let cost = once(scene, client, place, options.count)
                .map_err(|error| format!("{}, {}: {error}", scene.name, client.name))?;
            // The first round warms caches and is not counted.
            if round > 0 {
                side.runs.push(cost);
            }
        }
    }
    Ok(sides)
}

/// What one request cost in one run.
fn once(scene: &Scene, client: &Client, place: &Place, count: usize) -> Result<Cost> {
    let plan = place.plan(scene, client, count);
    let command = client.command(&plan, place)?;
    let (cost, text) = crate::measure::run_reading(command)?;
    let done = client.done(&plan, &text)?;
    if done.requests == 0 {
        return Err("no request was answered".into());
    }
    let requests = done.requests as f64;
    let peak = if done.peak_kib > 0.0 {
        done.peak_kib / 1024.0
    } else {
        cost.rss_mib
    };
    Ok(Cost {
        cpu: (cost.cpu - done.start_seconds) / requests,
        wall: cost.wall / requests,
        rss_mib: peak,
    })
}

fn tell(report: &mut Report, scene: &Scene, sides: &[Side], count: usize) {
    let requests = scene.requests(count, 1);
    report.requests(
        &format!("{}: {}; {requests} requests", scene.name, scene.what),
        sides,
    );
    if !scene.note.is_empty() {
        report.line(format!("\n{}", scene.note));
    }
    let side = |name: &str| sides.iter().find(|side| side.name == name);
    if let (Some(goal), Some(ours), Some(floor)) = (scene.goal, side("brigade"), side("bare-hyper"))
    {
        let what = format!("{} CPU per request, brigade / bare hyper,", scene.name);
        report.goal(&what, ours, floor, goal);
    }
}
