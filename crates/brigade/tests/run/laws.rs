//! What must be true of how a program ends.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use libtest_mimic::Trial;

use crate::program::Program;

macro_rules! trials {
    ($($name:ident),* $(,)?) => {
        vec![$(Trial::test(stringify!($name), || { $name(); Ok(()) })),*]
    };
}

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        r1a_sigterm_lets_an_awaiting_cleanup_run_to_its_end,
        r1b_the_root_is_cancelled_once_and_a_shield_is_not_cut_off,
        r1c_the_set_of_stop_signals_is_configurable,
        r1d_another_signal_can_be_subscribed_to_without_stopping_the_program,
        r2a_what_outlives_the_grace_period_is_named_with_its_age_and_aborted,
        r2b_tasks_that_never_yield_are_named,
        r3a_the_second_signal_ends_the_grace_period_at_once,
        r3b_the_third_signal_kills_by_the_signal,
        r3c_after_run_signals_have_their_default_action_again,
        r4a_the_process_ends_in_time_with_every_worker_stuck_in_a_loop,
        r4b_the_process_ends_in_time_with_the_main_thread_stuck_in_a_loop,
        r4c_the_process_ends_in_time_when_stderr_is_locked_or_blocked,
        r4d_the_exit_code_is_the_programs_own,
        r4e_a_failure_exits_with_1_and_prints_the_tree_of_errors,
        r4f_sigint_exits_with_130_and_sigterm_with_143,
        r4g_a_program_that_cannot_begin_ends_with_1_or_as_it_likes,
        r4g_a_program_that_cannot_begin_has_the_signals_as_they_were,
        r5a_a_panic_stops_everything_first_then_continues_and_the_other_errors_are_printed,
        g12d_a_signal_has_the_tree_printed_and_the_program_goes_on,
        g12d_the_tree_is_printed_with_every_worker_stuck_and_stderr_locked,
        g12d_a_tree_that_nobody_reads_holds_up_nothing,
        g12e_without_being_asked_for_the_signal_keeps_its_default_action,
        t2i_a_closure_that_outlives_the_deadline_is_named_and_does_not_hold_up_the_end,
        t2i_the_program_waits_for_a_closure_whose_call_was_dropped,
    ]
}

fn r1a_sigterm_lets_an_awaiting_cleanup_run_to_its_end() {
    let program = Program::start("cleanup");
    let end = program.expect("ready").signal("TERM");
    end.expect("cleanup start").expect("cleanup end");
    assert_eq!(program.end().status.code(), Some(143));
}

fn r1b_the_root_is_cancelled_once_and_a_shield_is_not_cut_off() {
    let program = Program::start("counted");
    program.expect("ready").signal("INT");
    program
        .expect("cancelled by Signal(2)")
        .expect("shield end");
    let end = program.end();
    assert_eq!(end.status.code(), Some(130));
    assert_eq!(end.output, [""; 0]);
}

fn r1c_the_set_of_stop_signals_is_configurable() {
    let program = Program::start("usr1");
    program.expect("ready").signal("USR1");
    assert_eq!(program.end().status.code(), Some(128 + 10));
    let program = Program::start("usr1");
    program.expect("ready").signal("TERM");
    assert_eq!(program.end().status.signal(), Some(15));
}

fn r1d_another_signal_can_be_subscribed_to_without_stopping_the_program() {
    let program = Program::start("reload");
    program.expect("ready").signal("HUP").expect("reload");
    program.signal("TERM");
    assert_eq!(program.end().status.code(), Some(143));
}

fn r2a_what_outlives_the_grace_period_is_named_with_its_age_and_aborted() {
    let program = Program::start("stubborn");
    program.expect("ready").signal("TERM");
    let end = program.end();
    assert_eq!(end.status.code(), Some(143));
    let named = "  task \"stubborn\", running for 0.";
    assert!(end.errors.contains(named), "{}", end.errors);
    // Aborted, so nothing is left that the hard end has to wait for.
    assert!(
        end.took < Duration::from_millis(300 + 400),
        "{:?}",
        end.took
    );
}

fn r2b_tasks_that_never_yield_are_named() {
    let program = Program::start("stuck");
    program.expect("ready").signal("TERM");
    let end = program.end();
    for name in ["stuck-1", "stuck-2"] {
        let named = format!("task \"{name}\", running for 0.");
        let line = end.errors.lines().find(|line| line.contains(&named));
        let line = line.unwrap_or_else(|| panic!("{}", end.errors));
        assert!(line.ends_with(", no await reached since"), "{line}");
    }
}

fn r3a_the_second_signal_ends_the_grace_period_at_once() {
    let program = Program::start("patient");
    program.expect("ready").signal("INT");
    std::thread::sleep(Duration::from_millis(100));
    program.signal("TERM");
    let end = program.end();
    assert_eq!(end.status.code(), Some(130));
    assert!(end.took < Duration::from_secs(1), "{:?}", end.took);
}

fn r3b_the_third_signal_kills_by_the_signal() {
    let program = Program::start("stuck-patient");
    program.expect("ready");
    for _ in 0..3 {
        program.signal("INT");
        std::thread::sleep(Duration::from_millis(100));
    }
    let end = program.end();
    assert_eq!(end.status.signal(), Some(2), "{end:?}");
}

fn r3c_after_run_signals_have_their_default_action_again() {
    let program = Program::start("default-again");
    program.expect("ready").signal("TERM");
    assert_eq!(program.end().status.signal(), Some(15));
}

fn r4a_the_process_ends_in_time_with_every_worker_stuck_in_a_loop() {
    let program = Program::start("stuck");
    program.expect("ready").signal("TERM");
    let end = program.end();
    assert_eq!(end.status.code(), Some(143));
    assert!(end.took < Duration::from_millis(1300), "{:?}", end.took);
}

fn r4b_the_process_ends_in_time_with_the_main_thread_stuck_in_a_loop() {
    let program = Program::start("stuck-main");
    program.expect("ready").signal("INT");
    let end = program.end();
    assert_eq!(end.status.code(), Some(130));
    assert!(end.took < Duration::from_millis(1300), "{:?}", end.took);
    assert!(
        end.errors.contains("group \"main\", running"),
        "{}",
        end.errors
    );
}

fn r4c_the_process_ends_in_time_when_stderr_is_locked_or_blocked() {
    let program = Program::start("stuck-stderr");
    program.expect("ready").signal("TERM");
    let end = program.end();
    assert_eq!(end.status.code(), Some(143));
    assert!(end.took < Duration::from_millis(1300), "{:?}", end.took);
    assert!(
        end.errors.contains("task \"holder\", running"),
        "{}",
        end.errors
    );

    let program = Program::start_with_blocked_stderr("blocked-stderr");
    program.expect("ready").signal("TERM");
    let end = program.end();
    assert_eq!(end.status.code(), Some(143));
    assert!(end.took < Duration::from_millis(1300), "{:?}", end.took);
}

fn r4d_the_exit_code_is_the_programs_own() {
    let end = Program::start("own-code").end();
    assert_eq!(end.status.code(), Some(7));
    assert_eq!(end.errors, "");
}

fn r4e_a_failure_exits_with_1_and_prints_the_tree_of_errors() {
    let end = Program::start("failed").end();
    assert_eq!(end.status.code(), Some(1));
    let expected = "error: cannot start\n  caused by: a task failed\n  - reader: no such file\n";
    assert_eq!(end.errors, expected);
}

fn r4f_sigint_exits_with_130_and_sigterm_with_143() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let program = Program::start("cleanup");
        program.expect("ready").signal(signal);
        assert_eq!(program.end().status.code(), Some(code));
    }
}

fn r4g_a_program_that_cannot_begin_ends_with_1_or_as_it_likes() {
    for (victim, code, says_so) in [("fine", 1, true), ("fine-or-7", 7, false)] {
        // At each of its steps, until it does begin.
        let begun = (5..20).find(|&files| {
            let end = Program::start_with_files(victim, files).end();
            if end.status.success() {
                return true;
            }
            assert_eq!(end.status.code(), Some(code), "{end:?}");
            assert_eq!(end.output, [""; 0]);
            let said = end.errors.starts_with("error: cannot start the runtime: ");
            assert_eq!(
                (said, end.errors.is_empty()),
                (says_so, !says_so),
                "{end:?}"
            );
            false
        });
        // The signals take three descriptors, the runtime some more.
        assert!(begun.is_some_and(|files| files > 7), "{begun:?}");
    }
}

fn r4g_a_program_that_cannot_begin_has_the_signals_as_they_were() {
    for files in [5, 7] {
        let program = Program::start_with_files("fine-or-killed", files);
        program.expect("ready").signal("TERM");
        let end = program.end();
        assert_eq!(end.status.signal(), Some(15), "{end:?}");
    }
}

fn r5a_a_panic_stops_everything_first_then_continues_and_the_other_errors_are_printed() {
    let end = Program::start("panic").end();
    assert_eq!(end.output, ["cleanup start", "cleanup end"]);
    assert_eq!(end.status.code(), Some(101));
    assert!(
        end.errors.contains("the panic of careful"),
        "{}",
        end.errors
    );
    assert!(
        end.errors.contains("late: the late error"),
        "{}",
        end.errors
    );
}

fn t2i_a_closure_that_outlives_the_deadline_is_named_and_does_not_hold_up_the_end() {
    let program = Program::start("blocking");
    program.expect("ready").signal("TERM");
    let end = program.end();
    assert_eq!(end.status.code(), Some(143));
    let named = "blocking call \"endless\", running for 0.";
    assert!(end.errors.contains(named), "{}", end.errors);
    assert!(end.took < Duration::from_millis(1300), "{:?}", end.took);
}

fn t2i_the_program_waits_for_a_closure_whose_call_was_dropped() {
    let end = Program::start("late-closure").end();
    assert_eq!(end.output, ["main end", "closure end"]);
    assert_eq!(end.status.code(), Some(0), "{}", end.errors);
}

/// The lines of stderr without the ages, which no test can know.
fn without_ages(errors: &str) -> Vec<&str> {
    let cut = |line: &'_ str| line.find(", running for").unwrap_or(line.len());
    errors.lines().map(|line| &line[..cut(line)]).collect()
}

fn g12d_a_signal_has_the_tree_printed_and_the_program_goes_on() {
    let program = Program::start("dump");
    program.expect("ready").signal("USR1");
    program.expect_error("task \"server\"");
    program.signal("HUP").expect("reload");
    program.signal("TERM");
    let end = program.end();
    assert_eq!(end.status.code(), Some(143));
    let expected = [
        "brigade: SIGUSR1 received, and this is running:",
        "group \"main\"",
        "  group \"group\"",
        "    task \"server\"",
    ];
    assert_eq!(without_ages(&end.errors), expected, "{}", end.errors);
}

fn g12d_the_tree_is_printed_with_every_worker_stuck_and_stderr_locked() {
    let program = Program::start("dump-stuck");
    program.expect("ready").signal("USR1");
    program.expect_error("task \"stuck\"").signal("TERM");
    let end = program.end();
    assert_eq!(end.status.code(), Some(143));
    let lines = without_ages(&end.errors);
    let expected = [
        "brigade: SIGUSR1 received, and this is running:",
        "group \"main\"",
        "  group \"group\"",
        "    task \"holder\"",
        "    task \"stuck\"",
    ];
    assert_eq!(lines[..expected.len()], expected, "{}", end.errors);
}

fn g12d_a_tree_that_nobody_reads_holds_up_nothing() {
    let program = Program::start_with_blocked_stderr("dump-blocked");
    program.expect("ready");
    for _ in 0..3 {
        program.signal("USR1");
        std::thread::sleep(Duration::from_millis(50));
    }
    program.signal("TERM");
    let end = program.end();
    assert_eq!(end.status.code(), Some(143));
    assert!(end.took < Duration::from_millis(1300), "{:?}", end.took);
    // The one that waited for a reader was the only one.
    let dumps = end.errors.matches("SIGUSR1").count();
    assert!(dumps <= 1, "{dumps} trees");
}

fn g12e_without_being_asked_for_the_signal_keeps_its_default_action() {
    let program = Program::start("cleanup");
    program.expect("ready").signal("USR1");
    assert_eq!(program.end().status.signal(), Some(10));
}
