//! For people: tables.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment};

use super::latency::Latency;
use super::memory::{self, Process};
use super::spread::Spread;
use super::{sync, up};
use crate::report::text::{push, table};

/// Formats the figures that [`sync::measure`] found in `tenant`.
#[must_use]
pub fn of_sync(figures: &sync::Figures, tenant: &str) -> String {
    let sync::Figures {
        create_ms,
        accept_ms,
        floor_ms,
        late_ms,
        burst,
        update,
        delete,
    } = figures;
    let mut text = format!(
        "{} Components made in {tenant}, changed and deleted, {} a second each time; milliseconds from sending the \
         request\n\n",
        sync::PACED,
        sync::PER_SECOND
    );
    let mut rows = table(&["", "until", "p50", "p90", "p99", "max"]);
    for (change, until, latency) in [
        ("made", "the guest's API has answered", accept_ms),
        ("", "the host's watch has shown it", create_ms),
        ("", "(it was sent, from when it was due)", late_ms),
        ("changed", "the guest's API has answered", &update.accept_ms),
        ("", "the host's watch has shown it", &update.host_ms),
        ("deleted", "the guest's API has answered", &delete.accept_ms),
        ("", "the host's watch has shown it", &delete.host_ms),
    ] {
        let Latency { p50, p90, p99, max } = *latency;
        let mut row = vec![Cell::new(change), Cell::new(until)];
        row.extend([p50, p90, p99, max].map(|it| number(it, 1)));
        rows.add_row(row);
    }
    push(&mut text, &rows);
    let _ = writeln!(
        text,
        "A request that does nothing takes {:.1} ms in the guest, {:.1} ms on the host; one that makes a Component\n\
         straight on the host takes {:.1} ms (medians). What is left is the syncer's and the watches': {:.1} ms.\n",
        floor_ms.guest,
        floor_ms.host,
        floor_ms.apply,
        create_ms.p50 - accept_ms.p50 - floor_ms.apply
    );
    for (done, burst) in [
        ("made", burst),
        ("changed", &update.burst),
        ("deleted", &delete.burst),
    ] {
        let sync::Burst {
            objects,
            guest_seconds,
            host_seconds,
        } = burst;
        let _ = writeln!(
            text,
            "{objects} Components by {} clients: all {done} after {guest_seconds:.1} s, on the host after \
             {host_seconds:.1} s",
            sync::CLIENTS
        );
    }
    text
}

/// Formats the figures that [`memory::measure`] found: a row for each program, and the sums.
#[must_use]
pub fn of_memory(figures: &memory::Figures) -> String {
    let memory::Figures {
        host_pss_mb,
        host,
        tenants,
        beside,
    } = figures;
    let mut rows = table(&["whose", "program", "processes", "RSS MB", "PSS MB"]);
    let mut sums = table(&["whose", "PSS MB"]);
    let mut add = |whose: &str, processes: &[Process], pss_mb: f64| {
        for (index, program) in programs(processes).into_iter().enumerate() {
            rows.add_row([
                Cell::new(if index == 0 { whose } else { "" }),
                Cell::new(program.name),
                number(program.processes, 0),
                number(program.rss_mb, 1),
                number(program.pss_mb, 1),
            ]);
        }
        sums.add_row([Cell::new(whose), number(pss_mb, 1)]);
    };
    add("host", host, *host_pss_mb);
    for tenant in tenants {
        add(&tenant.name, &tenant.processes, tenant.pss_mb);
        let whose = format!("{}, its apps", tenant.name);
        add(&whose, &tenant.apps.processes, tenant.apps.pss_mb);
    }
    let mut text = String::new();
    push(&mut text, &rows);
    push(&mut text, &sums);
    text.truncate(text.trim_end().len());
    text.push('\n');
    if !beside.is_empty() {
        let _ = writeln!(
            text,
            "\nPSS is less than it is alone: other environments share pages with this one ({}).",
            beside.join(", ")
        );
    }
    text
}

/// All processes of a program.
struct Program<'a> {
    name: &'a str,
    processes: f64,
    rss_mb: f64,
    pss_mb: f64,
}

/// Returns the programs, in the order of the largest process of each.
fn programs(processes: &[Process]) -> Vec<Program<'_>> {
    let mut programs: Vec<Program<'_>> = Vec::new();
    for process in processes {
        let Process {
            name, rss_mb, pss_mb, ..
        } = process;
        let known = programs.iter().position(|program| program.name == name);
        let index = known.unwrap_or_else(|| {
            programs.push(Program {
                name,
                processes: 0.0,
                rss_mb: 0.0,
                pss_mb: 0.0,
            });
            programs.len() - 1
        });
        let program = &mut programs[index];
        program.processes += 1.0;
        program.rss_mb += rss_mb;
        program.pss_mb += pss_mb;
    }
    programs
}

/// Formats the figures that [`up::measure`] found.
#[must_use]
pub fn of_up(figures: &up::Figures) -> String {
    let up::Figures {
        tenants,
        runs,
        ready_seconds,
        stages,
    } = figures;
    let mut text = format!(
        "An environment of {} brought up {}; seconds\n\n",
        counted(*tenants, "tenant"),
        counted(*runs, "time")
    );
    let mut rows = table(&["stage", "min", "median", "max"]);
    let mut add = |name: &str, spread: &Spread| {
        let Spread { min, median, max } = *spread;
        let mut row = vec![Cell::new(name)];
        row.extend([min, median, max].map(|it| number(it, 1)));
        rows.add_row(row);
    };
    for stage in stages {
        let part = stage.name.split_once('/').map(|(_, part)| format!("  {part}"));
        add(part.as_ref().unwrap_or(&stage.name), &stage.spread);
    }
    add("all, until the apps are ready", ready_seconds);
    push(&mut text, &rows);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

fn number(number: f64, decimals: usize) -> Cell {
    Cell::new(format!("{number:.decimals$}")).set_alignment(CellAlignment::Right)
}

#[cfg(test)]
mod tests;
