//! Conversion of a values file to another dialect. It returns a text that asks for the same, or the keys that can't be expressed
//! there.

use serde_json::{Map, Value};

use super::dialect::Dialect;
use super::document::{Document, put};
use super::table::{Fate, Key, is_within};
use super::tree::is_off;
use super::{Error, Problem, What};

/// A converted values file.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    /// The values in the new dialect.
    pub values: Value,
    text: String,
    /// The keys that were converted, with their new names.
    pub carried: Vec<Carried>,
    /// Keys without an effect that the dialect does not have.
    pub not_carried: Vec<NotCarried>,
}

/// A key that was written in the new dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The key with its path.
    pub key: String,
    /// Its line, from 1.
    pub line: u64,
    /// The key in the new dialect.
    pub to: String,
}

/// A key that has no effect, and no name in the new dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCarried {
    /// The key with its path.
    pub key: String,
    /// Its line, from 1.
    pub line: u64,
}

impl Converted {
    /// Returns the text of the file. Comments are not kept.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Converts a values file to another dialect. `origin` is its name in messages; `from` is its dialect, by default the one that
/// its keys show.
///
/// # Errors
///
/// Everything that [`super::parse`] refuses, and each key that asks for something that the new dialect can't express.
pub fn convert(text: &str, origin: &str, from: Option<Dialect>, to: Dialect) -> Result<Converted, Error> {
    let failed = |problems| Error {
        origin: origin.to_owned(),
        problems,
    };
    let document = Document::read(text, from).map_err(failed)?;
    super::typed(&document, origin)?;
    let mut writer = Writer {
        document: &document,
        to,
        written: Value::Object(Map::new()),
        carried: Vec::new(),
        problems: Vec::new(),
    };
    writer.insert(to.required(), Value::Bool(true));
    writer.write("", &document.said);
    let not_carried = writer.carry_idle();
    if writer.problems.is_empty() {
        let text = serde_saphyr::to_string(&writer.written).map_err(|error| {
            let what = What::Malformed(error.to_string());
            failed(vec![Problem { line: 0, what }])
        })?;
        return Ok(Converted {
            values: writer.written,
            text,
            carried: writer.carried,
            not_carried,
        });
    }
    let mut problems = writer.problems;
    problems.sort_by_key(|problem| problem.line);
    problems.dedup();
    Err(failed(problems))
}

struct Writer<'a> {
    document: &'a Document,
    to: Dialect,
    written: Value,
    carried: Vec<Carried>,
    problems: Vec<Problem>,
}

impl Writer<'_> {
    fn write(&mut self, place: &str, value: &Value) {
        let reads = |key: &&Key| matches!(key.fate, Fate::Read(..)) && key.to == place;
        if let Some(key) = self.to.table().keys.iter().find(reads)
            && let Fate::Read(form, _) = key.fate
        {
            match form.write(value) {
                Ok(value) => {
                    self.insert(&key.path, value);
                    self.carried
                        .extend(self.document.source(place).map(|source| Carried {
                            key: source.key.clone(),
                            line: source.line,
                            to: key.path.clone(),
                        }));
                }
                Err(why) => self.refuse(place, why),
            }
            return;
        }
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    let below = match place {
                        "" => key.clone(),
                        place => format!("{place}.{key}"),
                    };
                    self.write(&below, value);
                }
            }
            // What is off asks for nothing, and all that not every dialect has is off by default.
            value if is_off(value) => {}
            _ => {
                let default = format!("defaults.{place}");
                let why = match self.to.table().get(&default) {
                    Some(_) => {
                        format!("it has no key for this; this project's chart takes `{default}` with it")
                    }
                    None => "it has no key for this".to_owned(),
                };
                self.refuse(place, why);
            }
        }
    }

    fn insert(&mut self, path: &str, value: Value) {
        for (below, companion, says) in self.to.companions() {
            if is_within(path, below) {
                // It is there already from the second time on.
                let _ = put(&mut self.written, companion, says.clone());
            }
        }
        if put(&mut self.written, path, value).is_err() {
            self.refuse(path, "it has one key for several things".to_owned());
        }
    }

    fn refuse(&mut self, place: &str, why: String) {
        let source = self.document.source(place);
        self.problems.push(Problem {
            line: source.map_or(0, |source| source.line),
            what: What::NotSaid {
                key: source.map_or_else(|| place.to_owned(), |source| source.key.clone()),
                dialect: self.to,
                why,
            },
        });
    }

    fn carry_idle(&mut self) -> Vec<NotCarried> {
        let mut not_carried = Vec::new();
        for idle in &self.document.idle {
            // What is read in one form only (an image of vcluster's own) goes by its path.
            let same = |key: &&Key| match key.fate {
                Fate::Idle(..) => key.to == idle.name,
                Fate::Read(..) => key.path == idle.name && self.document.source(&key.to).is_none(),
                _ => false,
            };
            let written = self.to.table().keys.iter().find(same).map(|key| match key.fate {
                Fate::Idle(form, _) => (&key.path, form.write(&idle.value)),
                _ => (&key.path, Ok(idle.value.clone())),
            });
            if let Some((path, Ok(value))) = written {
                self.insert(path, value);
            } else {
                not_carried.push(NotCarried {
                    key: idle.key.clone(),
                    line: idle.line,
                });
            }
        }
        not_carried
    }
}
