//! The entry point: Ctrl-C and SIGTERM end the program in order.
//!
//! Replaces: "Entry point with signal handling". The trap that is gone: the handler cancels every
//! task, and the loop then cancels them again, so that cleanup that awaits is cut off, and the
//! program ends with a traceback and exit code 1. Here one signal is one cancellation.
//!
//! `cargo run --example 01_entry_point -- serve` runs until you press Ctrl-C. Without an argument
//! the example starts itself that way, sends SIGTERM, and checks what happens: cleanup that awaits
//! runs to its end, and the exit code says which signal it was.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use brigade::cancel;
use tokio::time::sleep;

fn main() -> ExitCode {
    let serving = std::env::args()
        .nth(1)
        .is_some_and(|argument| argument == "serve");
    if serving {
        brigade::run(serve())
    } else {
        brigade::run(async { demonstrate() })
    }
}

/// The application: it only says what it does and what has to be done in the end.
async fn serve() -> Result<(), Box<dyn Error + Send + Sync>> {
    cancel::defer(async {
        println!("closing connections");
        sleep(Duration::from_millis(200)).await;
        println!("closed");
    });
    println!("serving");
    loop {
        sleep(Duration::from_secs(1)).await;
    }
}

fn demonstrate() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut program = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdout(Stdio::piped())
        .spawn()?;
    let output = program.stdout.take().ok_or("its output is not piped")?;
    let mut lines = BufReader::new(output).lines();
    assert_eq!(lines.next().transpose()?.as_deref(), Some("serving"));

    let kill = format!("kill -s TERM {}", program.id());
    Command::new("sh").args(["-c", &kill]).status()?;

    let rest: Vec<_> = lines.collect::<Result<_, _>>()?;
    assert_eq!(rest, ["closing connections", "closed"]);
    assert_eq!(program.wait()?.code(), Some(128 + 15));
    println!("SIGTERM: {}, then exit code 143", rest.join(", "));
    Ok(())
}
