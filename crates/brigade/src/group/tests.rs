//! The laws of groups, one test or more for each clause.

use std::time::Duration;

use tokio::time::sleep;

use super::*;

#[tokio::test(start_paused = true)]
async fn g6a_awaiting_a_handle_gives_the_value() {
    let sum = task_group(async |g| {
        let a = g.spawn(async {
            sleep(Duration::from_secs(1)).await;
            Ok(1)
        });
        let b = g.spawn(async { Ok(2) });
        Ok::<_, String>(a.await + b.await)
    });
    assert_eq!(sum.await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn g2a_the_first_error_cancels_the_siblings() {
    let result = task_group(async |g| {
        g.spawn(async {
            sleep(Duration::from_secs(1)).await;
            Err::<(), _>("boom")
        });
        let b = g.spawn(std::future::pending::<Result<(), &str>>());
        b.await;
        unreachable!()
    });
    let result: Result<(), _> = result.await;
    assert!(result.unwrap_err().to_string().ends_with("boom"));
}
