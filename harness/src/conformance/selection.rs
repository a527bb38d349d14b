//! The tests there are, and those that are asked for.

use provision::command::Command;
use regex::Regex;
use serde::Deserialize;

use super::Error;

/// The marker of tests that may not run beside others.
const SERIAL: &str = "[Serial]";

/// The tests of one run.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Tests whose names match; all of them without a pattern.
    pub focus: Option<Regex>,
    /// Tests whose names match are left out.
    pub skip: Option<Regex>,
    /// True if tests that may not run beside others are included.
    pub serial: bool,
    /// One part of several, as even as the number of tests allows.
    pub shard: Option<Shard>,
}

/// One part of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 1.
    pub part: usize,
    /// The number of parts.
    pub of: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    /// Reads `K/N`, such as `2/8`.
    fn from_str(text: &str) -> Result<Self, String> {
        let shard = text
            .split_once('/')
            .and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match shard {
            Some((part, of)) if (1..=of).contains(&part) => Ok(Self { part, of }),
            _ => Err(format!(
                "expected K/N with K from 1 to N, such as 2/8, and not {text:?}"
            )),
        }
    }
}

impl Selection {
    /// Reads the patterns of `--focus` and `--skip`.
    pub fn parse(
        focus: Option<&str>,
        skip: Option<&str>,
        serial: bool,
        shard: Option<Shard>,
    ) -> Result<Self, Error> {
        Ok(Self {
            focus: pattern("focus", focus)?,
            skip: pattern("skip", skip)?,
            serial,
            shard,
        })
    }

    /// Selects tests by their names; the order stays. Fails if none is selected.
    pub fn choose(&self, tests: &[String]) -> Result<Vec<String>, Error> {
        let chosen = self.of(tests);
        if chosen.is_empty() {
            return Err(Error::NoMatch { by: self.described() });
        }
        Ok(chosen)
    }

    fn of(&self, tests: &[String]) -> Vec<String> {
        let selected = tests.iter().filter(|name| {
            self.focus.as_ref().is_none_or(|focus| focus.is_match(name))
                && !self.skip.as_ref().is_some_and(|skip| skip.is_match(name))
                && (self.serial || !is_serial(name))
        });
        let in_shard = |position: usize| {
            self.shard
                .is_none_or(|shard| position % shard.of == shard.part - 1)
        };
        selected
            .enumerate()
            .filter(|(position, _)| in_shard(*position))
            .map(|(_, name)| name.clone())
            .collect()
    }

    /// Returns the options that select, for an error.
    fn described(&self) -> String {
        let options = [
            self.focus.as_ref().map(|focus| format!("--focus {focus}")),
            self.skip.as_ref().map(|skip| format!("--skip {skip}")),
            self.shard
                .map(|shard| format!("--shard {}/{}", shard.part, shard.of)),
            (!self.serial).then(|| "no --serial".to_owned()),
        ];
        options.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Returns true if a test may not run beside others.
#[must_use]
pub fn is_serial(name: &str) -> bool {
    name.contains(SERIAL)
}

/// Lists the names of all conformance tests of a test program, sorted.
pub async fn all(program: &std::path::Path) -> Result<Vec<String>, Error> {
    let list = Command::new(program).arg("--list-conformance-tests");
    let listed = list.text().await.map_err(|source| Error::Command {
        what: "list the conformance tests".to_owned(),
        source,
    })?;
    parse(&listed).map_err(|source| Error::Form {
        path: program.to_owned(),
        source,
    })
}

#[derive(Deserialize)]
struct Test {
    codename: String,
}

fn parse(listed: &str) -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>> {
    let tests: Vec<Test> = serde_saphyr::from_str(listed)?;
    let mut names: Vec<String> = tests.into_iter().map(|test| test.codename).collect();
    names.sort();
    Ok(names)
}

fn pattern(option: &'static str, text: Option<&str>) -> Result<Option<Regex>, Error> {
    let compile = |text| {
        Regex::new(text).map_err(|source| Error::Pattern {
            option,
            source: Box::new(source),
        })
    };
    text.map(compile).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        [
            "a [Conformance]",
            "b [Serial] [Conformance]",
            "c [Conformance]",
            "d [Conformance]",
        ]
        .map(str::to_owned)
        .into()
    }

    #[test]
    fn serial_tests_run_only_when_they_are_asked_for() {
        let selection = Selection::default();
        assert_eq!(selection.of(&names()).len(), 3);
        let serial = Selection {
            serial: true,
            ..selection
        };
        assert_eq!(serial.of(&names()), names());
    }

    #[test]
    fn shards_are_even_and_together_are_everything() {
        let mut seen = Vec::new();
        for part in 1..=2 {
            let selection = Selection {
                serial: true,
                shard: Some(Shard { part, of: 2 }),
                ..Selection::default()
            };
            let part = selection.of(&names());
            assert_eq!(part.len(), 2);
            seen.extend(part);
        }
        seen.sort();
        assert_eq!(seen, names());
    }

    #[test]
    fn focus_and_skip_are_patterns() {
        let selection = Selection::parse(Some("^[ac]"), Some("^c"), false, None).unwrap();
        assert_eq!(selection.of(&names()), ["a [Conformance]"]);
        assert_eq!(selection.described(), "--focus ^[ac], --skip ^c, no --serial");
    }

    #[test]
    fn a_broken_pattern_and_a_broken_shard_are_refused() {
        let error = Selection::parse(Some("([unclosed"), None, false, None).unwrap_err();
        assert_eq!(error.to_string(), "understand the pattern of --focus");
        assert!(error.is_usage());
        for text in ["", "1", "0/4", "5/4", "a/b"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!("2/8".parse(), Ok(Shard { part: 2, of: 8 }));
    }

    #[test]
    fn the_list_of_the_test_program_is_read() {
        let listed =
            "- testname: X\n  codename: '[sig-node] Y should\n    work [Conformance]'\n  description: ''\n";
        assert_eq!(parse(listed).unwrap(), ["[sig-node] Y should work [Conformance]"]);
    }
}
