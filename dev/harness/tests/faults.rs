//! The fault runs as tests, with small numbers: each promise once, and for each test the control that shows that a
//! broken promise would be seen. They run the real binary: `SEMNAL_BIN`, or the one built beside the test.

use std::path::PathBuf;

use semnal_harness::faults::views::{ViewsOptions, run_views};
use semnal_harness::faults::{KillOptions, Options, Report, Sabotage, power_cut, run_delete, run_kill};
use semnal_harness::oracle::Violation;
use semnal_harness::process::Program;

fn options(sabotage: Option<Sabotage>) -> Options {
    let program = match sabotage {
        Some(Sabotage::NoStore) => Program::NullForwarder(PathBuf::from(env!("CARGO_BIN_EXE_bench"))),
        _ => Program::find_semnal().unwrap_or_else(|error| panic!("{error}")),
    };
    Options {
        program,
        directory: std::env::temp_dir(),
        messages: 2_000,
        connections: 8,
        seed: 1,
        sabotage,
        keep: false,
        quiet_ms: if sabotage.is_some() { 3_000 } else { 15_000 },
    }
}

fn kill(sabotage: Option<Sabotage>, power_cut: bool) -> Report {
    run(run_kill(&KillOptions { common: options(sabotage), kills: 3, power_cut }))
}

fn delete(sabotage: Option<Sabotage>) -> Report {
    run(run_delete(&options(sabotage)))
}

#[expect(clippy::print_stdout, reason = "a test that fails is understood from its report")]
fn run(report: Result<Report, semnal_harness::error::HarnessError>) -> Report {
    let report = report.unwrap_or_else(|error| panic!("{}", error.chain()));
    println!("{}", report.text());
    report
}

#[test]
fn killed_three_times_under_load_nothing_is_lost() {
    let report = kill(None, false);
    assert!(report.kills >= 3);
    assert!(report.is_as_expected(), "{}", report.text());
}

#[test]
fn cut_off_from_power_three_times_nothing_is_lost() {
    let report = kill(None, true);
    assert!(report.is_as_expected(), "{}", report.text());
}

#[test]
fn a_server_without_recovery_is_caught() {
    assert!(kill(Some(Sabotage::NoRecovery), false).is_as_expected());
}

#[test]
fn a_journal_without_sync_is_caught_by_a_power_cut() {
    let report = kill(Some(Sabotage::PowerCut), true);
    assert!(report.frames_lost > 0, "the power cuts took nothing");
    assert!(report.is_as_expected());
}

#[test]
fn a_server_without_a_store_is_caught() {
    let report = kill(Some(Sabotage::NoStore), false);
    assert!(report.is_as_expected());
    for violation in [Violation::WrongEndpoint, Violation::WrongBytes, Violation::BadSignature] {
        assert_eq!(report.judgement.count(violation), 0, "{}", report.text());
    }
}

#[test]
fn a_deleted_endpoint_gets_nothing_any_more() {
    let report = delete(None);
    assert!(report.is_as_expected(), "{}", report.text());
}

#[test]
fn an_endpoint_that_was_not_deleted_is_caught() {
    assert!(delete(Some(Sabotage::KeepDeleted)).is_as_expected());
}

#[test]
fn the_kernel_tells_what_a_power_cut_would_lose() {
    power_cut::prove(&std::env::temp_dir()).unwrap_or_else(|error| panic!("{}", error.chain()));
}

#[test]
fn killed_in_its_views_they_equal_a_recount() {
    let Options { program, directory, connections, seed, .. } = options(None);
    let (kills, messages) = (3, 2_000);
    let wanted = ViewsOptions { program, directory, messages, connections, kills, seed, keep: false };
    let report = run_views(&wanted).unwrap_or_else(|error| panic!("{}", error.chain()));
    // The recount has noticed every view that it broke itself: else the names of the others stand here.
    assert!(report.is_as_expected(kills), "{}", report.text(kills));
    assert!(report.rows_compared > 3 * messages);
}
