//! The evaluation of a rule on an object.

use serde_json::Value;

use super::Admission;
use super::path::{Step, expand, steps};
use super::rules::{Must, Rule};

/// Returns the fields of an object that do not comply with a rule, each with its path and the reason.
pub(super) fn violations(rule: &Rule, object: &Value, admission: &Admission) -> Vec<String> {
    let mut fields = Vec::new();
    for path in expand(rule.path) {
        let mut found = Vec::new();
        walk(object, &steps(&path), String::new(), &mut found);
        let broken = found
            .into_iter()
            .filter(|(_, value)| !complies(rule.must, *value, admission));
        fields.extend(broken.map(|(path, _)| format!("{path}: {}", rule.why)));
    }
    fields
}

/// Returns the values at a path, each with its own path; `None` if the last field is missing.
fn walk<'a>(
    value: &'a Value,
    steps: &[Step<'_>],
    path: String,
    found: &mut Vec<(String, Option<&'a Value>)>,
) {
    let Some((step, rest)) = steps.split_first() else {
        found.push((path, Some(value)));
        return;
    };
    match step {
        Step::Each => {
            for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                walk(item, rest, format!("{path}[{index}]"), found);
            }
        }
        Step::Field(name) => {
            let path = if path.is_empty() {
                (*name).to_owned()
            } else {
                format!("{path}.{name}")
            };
            match value.get(*name).filter(|value| !value.is_null()) {
                Some(value) => walk(value, rest, path, found),
                None if rest.is_empty() => found.push((path, None)),
                None => {}
            }
        }
    }
}

fn complies(must: Must, value: Option<&Value>, admission: &Admission) -> bool {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    match must {
        Must::NotBeTrue => value != Some(&Value::Bool(true)),
        Must::BeZero => value.and_then(Value::as_i64).unwrap_or_default() == 0,
        Must::BeEmpty => text.is_empty(),
        Must::BeAbsent => value.is_none(),
        Must::BeOneOf(texts) => text.is_empty() || texts.contains(&text),
        Must::BeNoneOf(texts) => !texts.contains(&text),
        Must::HaveOneOf(fields) => {
            let object = value.and_then(Value::as_object);
            let has = |field: &&str| object.is_some_and(|object| object.contains_key(*field));
            fields.iter().any(has) || object.is_none_or(|object| object.keys().all(|field| field == "name"))
        }
        Must::HaveNoKeys(beginnings, unless) => {
            let entries = value.and_then(Value::as_object).into_iter().flatten();
            entries
                .filter(|(key, _)| beginnings.iter().any(|beginning| key.starts_with(beginning)))
                .all(|(_, value)| {
                    let value = value.as_str().unwrap_or_default();
                    unless.iter().any(|fine| value.starts_with(fine))
                })
        }
        Must::BeAllowed(names) => text.is_empty() || admission.allows(names, text),
        Must::BeAllowedAndPresent(names) => admission.allows(names, text),
    }
}
