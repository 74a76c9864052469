//! Programs that behave in one particular way, most of them badly.

use std::future::pending;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use brigade::group::task_group;
use brigade::run::Builder;
use brigade::thread::to_thread;
use brigade::{cancel, run};
use tokio::time::sleep;

type Fine = Result<(), String>;

fn say(text: &str) {
    // Not `println!`, so that a line is out before a signal can come.
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).unwrap();
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Cleanup that needs several awaits.
async fn clean_up() {
    say("cleanup start");
    for _ in 0..3 {
        sleep(millis(50)).await;
    }
    say("cleanup end");
}

fn stuck() -> Fine {
    loop {
        std::hint::spin_loop();
    }
}

fn die() -> ! {
    say("ready");
    loop {
        std::thread::park();
    }
}

async fn fine() -> Fine {
    say("ran");
    Ok(())
}

fn fall_over() -> Fine {
    panic!("the panic of careful")
}

/// A body with as many tasks that never yield as there are workers.
async fn stuck_everywhere() -> Fine {
    let group = task_group(async |g| {
        for name in ["stuck-1", "stuck-2"] {
            g.spawn_named(name, async { stuck() });
        }
        say("ready");
        pending::<Fine>().await
    });
    group.await.map_err(|error| error.to_string())
}

pub(crate) fn start(name: &str) -> ExitCode {
    let quick = Builder::new().grace(millis(300)).worker_threads(2);
    let patient = Builder::new()
        .grace(Duration::from_secs(60))
        .worker_threads(2);
    match name {
        "cleanup" => run(async {
            cancel::defer(clean_up());
            say("ready");
            pending::<Fine>().await
        }),
        "counted" => run(async {
            let token = cancel::current();
            cancel::shield(async {
                say("ready");
                say(&format!("cancelled by {:?}", token.cancelled().await));
                sleep(millis(300)).await;
                say("shield end");
            })
            .await;
            pending::<Fine>().await
        }),
        "fine" => run(fine()),
        "fine-or-7" => Builder::new()
            .start_error(|_| ExitCode::from(7))
            .run(fine()),
        // A signal that is still caught would not end the loop.
        "fine-or-killed" => Builder::new().start_error(|_| die()).run(fine()),
        "usr1" => Builder::new().signals([10]).run(async {
            say("ready");
            pending::<Fine>().await
        }),
        "reload" => run(async {
            let mut hangups = brigade::run::subscribe(1).map_err(|e| e.to_string())?;
            say("ready");
            hangups.recv().await;
            say("reload");
            pending::<Fine>().await
        }),
        "stubborn" => quick.run(async {
            let group = task_group(async |g| {
                g.spawn_named("stubborn", cancel::shield(pending::<Fine>()));
                say("ready");
                pending::<Fine>().await
            });
            group.await.map_err(|error| error.to_string())
        }),
        "stuck" => quick.run(stuck_everywhere()),
        "stuck-patient" => patient.run(stuck_everywhere()),
        "stuck-main" => quick.current_thread().run(async {
            say("ready");
            if true {
                return stuck();
            }
            Fine::Ok(())
        }),
        "stuck-stderr" => quick.run(async {
            let group = task_group(async |g| {
                g.spawn_named("holder", async {
                    let _lock = std::io::stderr().lock();
                    stuck()
                });
                say("ready");
                pending::<Fine>().await
            });
            group.await.map_err(|error| error.to_string())
        }),
        "dump" => quick.dump_on(10).run(async {
            let mut hangups = brigade::run::subscribe(1).map_err(|e| e.to_string())?;
            let group = task_group(async |g| {
                g.spawn_named("server", pending::<Fine>());
                say("ready");
                hangups.recv().await;
                say("reload");
                pending::<Fine>().await
            });
            group.await.map_err(|error| error.to_string())
        }),
        "dump-stuck" => quick.dump_on(10).run(async {
            let group = task_group(async |g| {
                g.spawn_named("holder", async {
                    let _lock = std::io::stderr().lock();
                    stuck()
                });
                g.spawn_named("stuck", async { stuck() });
                say("ready");
                if true {
                    return stuck();
                }
                pending::<Fine>().await
            });
            group.await.map_err(|error| error.to_string())
        }),
        "dump-blocked" => quick.dump_on(10).run(async {
            let group = task_group(async |g| {
                g.spawn_named("writer", async {
                    let _ = std::io::stderr().lock().write_all(&[b'x'; 1 << 20]);
                    Ok(())
                });
                say("ready");
                pending::<Fine>().await
            });
            group.await.map_err(|error| error.to_string())
        }),
        "blocked-stderr" => quick.run(async {
            let group = task_group(async |g| {
                g.spawn_named("writer", async {
                    let _ = std::io::stderr().lock().write_all(&[b'x'; 1 << 20]);
                    Ok(())
                });
                say("ready");
                pending::<Fine>().await
            });
            group.await.map_err(|error| error.to_string())
        }),
        "patient" => patient.run(async {
            cancel::defer(pending());
            say("ready");
            pending::<Fine>().await
        }),
        "blocking" => quick.run(async {
            let endless = to_thread(|| {
                say("ready");
                stuck()
            });
            endless.name("endless").await
        }),
        "late-closure" => run(async {
            let (start, started) = tokio::sync::oneshot::channel();
            let late = to_thread(move || {
                let _ = start.send(());
                std::thread::sleep(millis(300));
                say("closure end");
            });
            tokio::select! {
                () = late => {}
                _ = started => {}
            }
            say("main end");
            Fine::Ok(())
        }),
        "own-code" => run(async { Ok::<_, String>(ExitCode::from(7)) }),
        "failed" => run(async {
            let group = task_group(async |g| {
                g.spawn_named("reader", async { Err::<(), _>("no such file".to_string()) });
                pending::<Fine>().await
            });
            group
                .await
                .map_err(|error| std::io::Error::other(Context(error)))
        }),
        "panic" => run(async {
            let group = task_group(async |g| {
                g.spawn_named("careful", async {
                    cancel::defer(clean_up());
                    sleep(millis(10)).await;
                    fall_over()
                });
                g.spawn_named("late", async {
                    cancel::shield(sleep(millis(100))).await;
                    Err::<(), _>("the late error".to_string())
                });
                pending::<Fine>().await
            });
            group.await.map_err(|error| error.to_string())
        }),
        "default-again" => {
            let code = run(async { Fine::Ok(()) });
            say("ready");
            std::thread::sleep(Duration::from_secs(10));
            code
        }
        other => panic!("no victim is called {other:?}"),
    }
}

#[derive(Debug)]
struct Context(brigade::group::Error<String>);

impl std::fmt::Display for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cannot start")
    }
}

impl std::error::Error for Context {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
