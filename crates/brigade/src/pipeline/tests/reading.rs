//! Q4q: a pipeline whose end is read as a stream.

use super::*;

fn numbers(count: u64) -> Pipeline<u64, String> {
    Pipeline::from_iter(0..count).stage("work", Stage::new(), |n| async move {
        match n {
            7 => Err("seven".to_owned()),
            n => Ok(n),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn q4q_a_reader_gets_every_item_and_then_the_error() {
    let mut output = numbers(5).into_stream();
    let handle = output.handle();
    for n in 0..5 {
        assert_eq!(output.next().await.unwrap().unwrap(), n);
        assert_eq!(handle.stats().counts.delivered, n + 1);
    }
    assert!(output.next().await.is_none() && output.next().await.is_none());

    let mut output = numbers(9).into_stream();
    let mut read = 0;
    loop {
        match output.next().await.unwrap() {
            Ok(_) => read += 1,
            Err(error) => break assert_eq!(error.to_string(), "work: seven"),
        }
    }
    assert!(output.next().await.is_none());
    let counts = output.handle().stats().counts;
    assert_eq!((counts.delivered, counts.dead), (read, 1));
}

#[tokio::test(start_paused = true)]
async fn q4q_a_slow_reader_slows_the_source() {
    let mut output = numbers(u64::MAX).into_stream();
    for _ in 0..3 {
        output.next().await.unwrap().unwrap();
    }
    sleep(millis(100)).await;
    let taken = output.handle().stats().counts.taken;
    assert!(taken <= 3 + 1 + 2 + 1, "{taken}");
}

#[tokio::test(start_paused = true)]
async fn q4q_dropping_the_stream_cancels_the_pipeline() {
    let mut output = numbers(u64::MAX).into_stream();
    let handle = output.handle();
    output.next().await.unwrap().unwrap();
    drop(output);
    until(|| handle.stats().counts.in_flight() == 0).await;
    assert_eq!(handle.stats().counts.delivered, 1);
    assert!(handle.stats().counts.cancelled > 0);
}

#[tokio::test(start_paused = true)]
async fn q4q_a_pipeline_that_is_read_can_be_drained() {
    let mut output = numbers(7).into_stream();
    output.next().await.unwrap().unwrap();
    output.handle().drain();
    let mut read = 1;
    while let Some(item) = output.next().await {
        item.unwrap();
        read += 1;
    }
    let counts = output.handle().stats().counts;
    assert_eq!((counts.delivered, counts.taken), (read, read));
    assert!(read < 7);
}
