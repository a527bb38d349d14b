//! `syncer values` on the command line: its outputs and exit codes.

use std::io::Write;
use std::process::{Command, Output, Stdio};

const LEAST: &str = "multiNamespaceMode: {enabled: true}\n";

fn syncer(arguments: &[&str], input: &str) -> Output {
    let mut running = Command::new(env!("CARGO_BIN_EXE_syncer"))
        .arg("values")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is a program");
    let mut stdin = running.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    running.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_file_that_is_fine_is_checked_without_a_word() {
    let output = syncer(&["check", "-"], LEAST);
    assert_eq!(said(&output), (Some(0), String::new(), String::new()));
}

#[test]
fn an_error_has_its_line() {
    let output = syncer(&["check", "-"], &format!("{LEAST}falbackHostDns: true\n"));
    let told = "failed to use the values in standard input\n  standard input:2: unknown key `falbackHostDns`; the nearest known is `fallbackHostDns`\n";
    assert_eq!(said(&output), (Some(2), String::new(), told.to_owned()));
}

#[test]
fn a_file_is_printed_in_another_dialect() {
    let input = format!("{LEAST}scheduler: {{image: x}}\n");
    let output = syncer(&["convert", "--to", "0.28", "-"], &input);
    let converted = "sync:\n  toHost:\n    namespaces:\n      enabled: true\n";
    let told = "standard input:2: not carried: `scheduler.image`, which has no effect and no key in the dialect of vcluster 0.28 and later\n";
    assert_eq!(said(&output), (Some(0), converted.to_owned(), told.to_owned()));
}

#[test]
fn nothing_is_printed_where_something_would_be_lost() {
    let input = format!("{LEAST}syncer: {{logLevel: debug}}\n");
    let (code, printed, told) = said(&syncer(&["convert", "--to", "0.20", "-"], &input));
    assert_eq!((code, &*printed), (Some(2), ""));
    assert!(
        told.contains("standard input:2: `syncer.logLevel` cannot be said"),
        "{told}"
    );
}

#[test]
fn what_is_read_and_not_done_yet_is_refused_by_name() {
    let input = format!("{LEAST}sync: {{priorityclasses: {{enabled: true}}}}\n");
    let (code, _, told) = said(&syncer(&["check", "-"], &input));
    assert_eq!(code, Some(2));
    assert!(
        told.contains("`sync.priorityclasses.enabled`: priority classes are cluster-scoped"),
        "{told}"
    );
}
