//! For people: tables.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment};
use provision::events::Verdict;

use super::{Comparison, Difference, Kind};
use crate::report::text::{push, sentence, table, word};

/// The number of characters of a value that is shown: enough to distinguish two values.
const LONGEST: usize = 100;

/// Returns a comparison as text.
#[must_use]
pub fn render(comparison: &Comparison) -> String {
    let Comparison {
        kubernetes,
        left,
        right,
        scenarios: _,
        figures: _,
        same_objects,
        differences,
        unneeded,
    } = comparison;
    let mut text = format!("{left} and {right} virtual clusters, both of Kubernetes {kubernetes}\n\n");
    push(&mut text, &scenarios(comparison));
    reasons(&mut text, comparison);
    push(&mut text, &figures(comparison));
    let (meant, unexplained): (Vec<_>, Vec<_>) = differences
        .iter()
        .partition(|difference| difference.why.is_some());
    let _ = writeln!(
        text,
        "Objects on the host after the same input: {same_objects} are the same; {} differences are meant, {} are \
         unexplained.\n",
        meant.len(),
        unexplained.len()
    );
    if !unexplained.is_empty() {
        text += "Unexplained:\n";
        by_object(&mut text, comparison, &unexplained);
    }
    if !meant.is_empty() {
        text += "Meant:\n";
        push(&mut text, &by_reason(&meant));
    }
    if !unneeded.is_empty() {
        text += "Explanations without a difference (remove them from explained.toml):\n";
        for explanation in unneeded {
            let _ = writeln!(text, "  {explanation}");
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn scenarios(comparison: &Comparison) -> comfy_table::Table {
    let mut rows = table(&["id", "scenario", &comparison.left, &comparison.right]);
    let shown = |verdict: Option<Verdict>| verdict.map_or("-", word);
    for scenario in &comparison.scenarios {
        rows.add_row([
            scenario.id.clone(),
            sentence(&scenario.name),
            shown(scenario.left).to_owned(),
            shown(scenario.right).to_owned(),
        ]);
    }
    rows
}

/// Adds the first line of the reason of each scenario that did not pass. Each reason appears once.
fn reasons(text: &mut String, comparison: &Comparison) {
    let mut told = BTreeSet::new();
    for scenario in &comparison.scenarios {
        if let Some(reason) = scenario
            .reason
            .as_deref()
            .and_then(|reason| reason.lines().next())
            && told.insert((&scenario.id, reason))
        {
            let _ = writeln!(text, "{}: {reason}", scenario.id);
        }
    }
    if !told.is_empty() {
        text.push('\n');
    }
}

fn figures(comparison: &Comparison) -> comfy_table::Table {
    let mut rows = table(&["figure", &comparison.left, &comparison.right]);
    for figure in &comparison.figures {
        let number = |number: f64| Cell::new(format!("{number:.1}")).set_alignment(CellAlignment::Right);
        rows.add_row([Cell::new(figure.what), number(figure.left), number(figure.right)]);
    }
    rows
}

/// Adds the unexplained differences, below the object that they are in.
fn by_object(text: &mut String, comparison: &Comparison, unexplained: &[&Difference]) {
    let Comparison { left, right, .. } = comparison;
    let mut last = "";
    for Difference { object, kind, why: _ } in unexplained {
        if object != last {
            let _ = writeln!(text, "  {object}");
            last = object;
        }
        let _ = match kind {
            Kind::OnlyLeft => writeln!(text, "    {left} only"),
            Kind::OnlyRight => writeln!(text, "    {right} only"),
            Kind::Field {
                path,
                left: ours,
                right: theirs,
            } => {
                let shown =
                    |said: &Option<String>| said.as_deref().map_or_else(|| "nothing".to_owned(), short);
                writeln!(
                    text,
                    "    {path}\n      {left}: {}\n      {right}: {}",
                    shown(ours),
                    shown(theirs)
                )
            }
        };
    }
    text.push('\n');
}

fn short(text: &str) -> String {
    let line = text.replace('\n', "\\n");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// Returns the intended differences, a row for each reason.
fn by_reason(meant: &[&Difference]) -> comfy_table::Table {
    let mut rows = table(&["differences", "objects", "why"]);
    let whys: BTreeSet<&str> = meant
        .iter()
        .filter_map(|difference| difference.why.as_deref())
        .collect();
    for why in whys {
        let of_why: Vec<_> = meant
            .iter()
            .filter(|difference| difference.why.as_deref() == Some(why))
            .collect();
        let objects: BTreeSet<&str> = of_why.iter().map(|difference| &*difference.object).collect();
        rows.add_row([
            of_why.len().to_string(),
            objects.into_iter().collect::<Vec<_>>().join(", "),
            why.to_owned(),
        ]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use provision::pins::Kubernetes;

    use super::super::{Figure, Scenario};
    use super::*;

    #[test]
    fn unexpected_differences_are_printed_in_full_and_expected_ones_by_their_reason() {
        let field = |object: &str, why: Option<&str>| Difference {
            object: object.to_owned(),
            kind: Kind::Field {
                path: "metadata.labels.app".to_owned(),
                left: Some("a\nb".to_owned()),
                right: None,
            },
            why: why.map(str::to_owned),
        };
        let comparison = Comparison {
            kubernetes: Kubernetes::V1_33,
            left: "embedded".to_owned(),
            right: "vcluster".to_owned(),
            scenarios: vec![Scenario {
                id: "SY-01".to_owned(),
                name: "sync::sy_01_it_is_there".to_owned(),
                left: Some(Verdict::Passed),
                right: Some(Verdict::Known),
                reason: Some("upstream's\ndetails".to_owned()),
            }],
            figures: vec![Figure {
                what: "a Component to the host, p50, ms",
                left: 3.04,
                right: 10.0,
            }],
            same_objects: 5,
            differences: vec![
                field("Pod/default/a", None),
                field("Pod/default/b", Some("it is meant")),
                field("Pod/default/c", Some("it is meant")),
                Difference {
                    object: "Secret/default/d".to_owned(),
                    kind: Kind::OnlyRight,
                    why: None,
                },
            ],
            unneeded: vec!["Lease/*: no longer".to_owned()],
        };
        insta::assert_snapshot!(render(&comparison));
        assert!(comparison.is_bad());
    }
}
