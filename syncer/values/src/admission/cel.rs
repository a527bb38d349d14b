//! The translation of a rule to CEL, for an admission policy.
//!
//! On an update, existing violations stay allowed: an object that is older than the policy can still be changed in any way but a
//! further violation. An item of a list counts as the same if it has the same name, for items that have one.

use std::fmt::Write;

use super::path::{Step, expand, steps};
use super::rules::{Must, Names, Rule};

/// Returns the expression that is true for an object that complies with the rule.
pub(super) fn expression(rule: &Rule) -> String {
    let parts = expand(rule.path);
    let parts = parts.iter().map(|path| {
        let steps = steps(path);
        let first = steps.iter().position(|step| *step == Step::Each);
        match first {
            Some(first) => of_list(&steps[..first], &steps[first + 1..], rule.must),
            None => of_field(&steps, rule.must),
        }
    });
    parts.collect::<Vec<_>>().join(" && ")
}

fn of_list(list: &[Step<'_>], rest: &[Step<'_>], must: Must) -> String {
    let items = |object: &str| format!("{}.orValue([])", chain(object, list));
    let is_named = matches!(
        list,
        [
            ..,
            Step::Field("containers" | "initContainers" | "ephemeralContainers" | "volumes")
        ]
    );
    let same = if is_named {
        "was.name == item.name"
    } else {
        "was == item"
    };
    format!(
        "{}.filter(item, oldObject == null || !{}.exists(was, {same})).all(item, {})",
        items("object"),
        items("oldObject"),
        below("item", rest, must, 0),
    )
}

fn of_field(steps: &[Step<'_>], must: Must) -> String {
    let unchanged = format!("{} == {}", chain("object", steps), chain("oldObject", steps));
    format!(
        "(oldObject != null && {unchanged} || {})",
        below("object", steps, must, 0)
    )
}

/// Returns the check of the fields below a variable.
fn below(variable: &str, rest: &[Step<'_>], must: Must, depth: usize) -> String {
    match rest.iter().position(|step| *step == Step::Each) {
        Some(each) => {
            let inner = format!("each{depth}");
            let list = chain(variable, &rest[..each]);
            let check = below(&inner, &rest[each + 1..], must, depth + 1);
            format!("{list}.orValue([]).all({inner}, {check})")
        }
        None if rest.is_empty() => check(must, variable, Presence::Certain),
        None => check(must, &chain(variable, rest), Presence::Optional),
    }
}

/// Returns a selection of fields each of which may be missing.
fn chain(variable: &str, steps: &[Step<'_>]) -> String {
    let mut chain = variable.to_owned();
    for step in steps {
        if let Step::Field(name) = step {
            let _ = write!(chain, ".?{name}");
        }
    }
    chain
}

/// The type of an expression: a value or an optional value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Certain,
    Optional,
}

fn check(must: Must, value: &str, presence: Presence) -> String {
    let or = |default: &str| match presence {
        Presence::Certain => value.to_owned(),
        Presence::Optional => format!("{value}.orValue({default})"),
    };
    match must {
        Must::NotBeTrue => format!("!{}", or("false")),
        Must::BeZero => format!("{} == 0", or("0")),
        Must::BeEmpty => format!("{} == ''", or("''")),
        Must::BeAbsent => format!("!{value}.hasValue()"),
        Must::BeOneOf(texts) => format!("{} in {}", or("''"), list(&[&[""], texts].concat())),
        Must::BeNoneOf(texts) => format!("!({} in {})", or("''"), list(texts)),
        Must::HaveOneOf(fields) => {
            let has: Vec<_> = fields
                .iter()
                .map(|field| format!("has({value}.{field})"))
                .collect();
            format!("({})", has.join(" || "))
        }
        Must::HaveNoKeys(beginnings, unless) => {
            let is_one: Vec<_> = beginnings
                .iter()
                .map(|text| format!("key.startsWith('{text}')"))
                .collect();
            let is_fine = unless
                .iter()
                .map(|text| format!("{}[key].startsWith('{text}')", or("{}")));
            let is_fine: String = is_fine.fold(String::new(), |all, one| format!("{all} || {one}"));
            format!("{}.all(key, !({}){is_fine})", or("{}"), is_one.join(" || "))
        }
        Must::BeAllowed(names) => format!("({0} == '' || {1})", or("''"), allowed(names, &or("''"))),
        Must::BeAllowedAndPresent(names) => allowed(names, &or("''")),
    }
}

fn allowed(names: Names, name: &str) -> String {
    let variable = match names {
        Names::Tolerations => "tolerations",
        Names::RuntimeClasses => "runtimeClasses",
        Names::CsiDrivers => "csiDrivers",
    };
    format!(
        "variables.{variable}.exists(allowed, allowed.endsWith('*') ? \
         {name}.startsWith(allowed.substring(0, size(allowed) - 1)) : {name} == allowed)"
    )
}

fn list(texts: &[&str]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| format!("'{text}'")).collect();
    format!("[{}]", quoted.join(", "))
}
