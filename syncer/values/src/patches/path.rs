//! Paths into an object, as vcluster's patches write them.
//!
//! They are `JSONPath`, with a looser notation for names: `spec.a-b` and `.spec.a-b` are `$['spec']['a-b']`.

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;

use super::json::Json;

/// A path.
#[derive(Clone, Debug)]
pub(super) struct Path {
    text: String,
    whole: JpQuery,
    /// For each segment, the path to it and the step to create it; outermost first.
    segments: Vec<Segment>,
}

/// One step of a path.
#[derive(Clone, Debug)]
struct Segment {
    before: JpQuery,
    step: Option<Step>,
}

/// A step from a value to one in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The value of a key.
    Name(String),
    /// An item of a list.
    Item(usize),
}

/// The steps from the root of an object to a value.
pub(super) type Place = Vec<Step>;

/// Failure to read a path.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is no path into an object: {reason}")]
pub struct BadPath {
    /// The text.
    pub path: String,
    /// The cause.
    pub reason: String,
}

impl Path {
    pub(super) fn parse(text: &str) -> Result<Self, BadPath> {
        let bad = |reason: String| BadPath {
            path: text.to_owned(),
            reason,
        };
        let parts = split(text).map_err(bad)?;
        let query = |parts: &[Part]| {
            let standard: String = parts.iter().map(|part| part.standard.as_str()).collect();
            parse_json_path(&format!("${standard}")).map_err(|error| bad(error.to_string()))
        };
        let segments = parts.iter().enumerate().map(|(at, part)| {
            Ok(Segment {
                before: query(&parts[..at])?,
                step: part.step.clone(),
            })
        });
        Ok(Self {
            text: text.to_owned(),
            whole: query(&parts)?,
            segments: segments.collect::<Result<_, _>>()?,
        })
    }

    /// Returns the values that the path leads to.
    pub(super) fn values<'a>(&self, root: &'a Json) -> Vec<&'a Json> {
        find(&self.whole, root)
    }

    /// Returns the places that the path leads to, in the order of the object.
    pub(super) fn places(&self, root: &Json) -> Vec<Place> {
        places(&self.whole, root)
    }

    /// Sets a value if the path leads to none, and creates everything that is missing on the way; an item of a list is appended.
    /// Nothing is done if the path does not say what to create, as with `*`.
    pub(super) fn make(&self, root: &mut Json, value: Json) {
        let mut value = value;
        for segment in self.segments.iter().rev() {
            let Some(step) = &segment.step else { return };
            let parents = places(&segment.before, root);
            if parents.is_empty() {
                value = step.holding(value);
                continue;
            }
            for parent in parents {
                if let Some(parent) = at_mut(root, &parent) {
                    step.put(parent, value.clone());
                }
            }
            return;
        }
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Step {
    /// Returns the smallest value that contains another at this step.
    fn holding(&self, value: Json) -> Json {
        match self {
            Self::Name(name) => Json::Map([(name.clone(), value)].into()),
            Self::Item(_) => Json::List(vec![value]),
        }
    }

    /// Sets a value in a parent that has none at this step. A null becomes a map or list.
    fn put(&self, parent: &mut Json, value: Json) {
        match (self, parent) {
            (Self::Name(name), Json::Map(entries)) => {
                entries.insert(name.clone(), value);
            }
            (_, Json::List(items)) => items.push(value),
            (step, parent @ Json::Null) => *parent = step.holding(value),
            _ => {}
        }
    }
}

/// Returns the value at a place, for changes.
pub(super) fn at_mut<'a>(root: &'a mut Json, place: &[Step]) -> Option<&'a mut Json> {
    place.iter().try_fold(root, |value, step| match (step, value) {
        (Step::Name(name), Json::Map(entries)) => entries.get_mut(name),
        (Step::Item(at), Json::List(items)) => items.get_mut(*at),
        _ => None,
    })
}

/// Returns the value at a place.
pub(super) fn at<'a>(root: &'a Json, place: &[Step]) -> Option<&'a Json> {
    place.iter().try_fold(root, |value, step| match (step, value) {
        (Step::Name(name), Json::Map(entries)) => entries.get(name),
        (Step::Item(at), Json::List(items)) => items.get(*at),
        _ => None,
    })
}

/// Removes the value at a place.
pub(super) fn take(root: &mut Json, place: &[Step]) {
    let Some((last, above)) = place.split_last() else {
        return;
    };
    match (last, at_mut(root, above)) {
        (Step::Name(name), Some(Json::Map(entries))) => {
            entries.remove(name);
        }
        (Step::Item(at), Some(Json::List(items))) if *at < items.len() => {
            items.remove(*at);
        }
        _ => {}
    }
}

fn find<'a>(query: &JpQuery, root: &'a Json) -> Vec<&'a Json> {
    // It fails only where a query gives values that are in no object, which none that starts at the root does.
    js_path_process(query, root)
        .map(|found| found.into_iter().map(|found| found.val).collect())
        .unwrap_or_default()
}

fn places(query: &JpQuery, root: &Json) -> Vec<Place> {
    let found: Vec<*const Json> = find(query, root).into_iter().map(std::ptr::from_ref).collect();
    let mut all = Vec::new();
    walk(root, &mut Vec::new(), &mut |value, place| {
        if found.contains(&std::ptr::from_ref(value)) {
            all.push(place.to_vec());
        }
    });
    all
}

fn walk(value: &Json, place: &mut Place, visit: &mut impl FnMut(&Json, &[Step])) {
    visit(value, place);
    let mut below = |step, value| {
        place.push(step);
        walk(value, place, visit);
        place.pop();
    };
    match value {
        Json::Map(entries) => {
            for (name, value) in entries {
                below(Step::Name(name.clone()), value);
            }
        }
        Json::List(items) => {
            for (at, value) in items.iter().enumerate() {
                below(Step::Item(at), value);
            }
        }
        _ => {}
    }
}

/// A step in the standard's notation, and its value to create.
struct Part {
    standard: String,
    step: Option<Step>,
}

impl Part {
    fn name(name: &str, deep: bool) -> Self {
        if name == "*" {
            return Self::any(if deep { "..*" } else { "[*]" }.to_owned());
        }
        let quoted = name.replace('\\', "\\\\").replace('\'', "\\'");
        Self {
            standard: format!("{}['{quoted}']", if deep { ".." } else { "" }),
            step: (!deep).then(|| Step::Name(name.to_owned())),
        }
    }

    fn bracket(inside: &str, deep: bool) -> Self {
        let unquoted = |quote| {
            inside
                .strip_prefix(quote)
                .and_then(|rest| rest.strip_suffix(quote))
        };
        let name = unquoted('\'').or_else(|| unquoted('"'));
        let is_one = name.is_some_and(|name| !name.contains(['\'', '"']));
        let step = match (inside.parse().ok(), name) {
            _ if deep => None,
            (Some(at), _) => Some(Step::Item(at)),
            (None, Some(name)) if is_one => Some(Step::Name(name.replace("\\\\", "\\"))),
            _ => None,
        };
        Self {
            standard: format!("{}[{inside}]", if deep { ".." } else { "" }),
            step,
        }
    }

    fn any(standard: String) -> Self {
        Self { standard, step: None }
    }
}

/// Splits a path at its dots and brackets.
fn split(text: &str) -> Result<Vec<Part>, String> {
    let mut rest = text.trim();
    rest = rest.strip_prefix('$').unwrap_or(rest);
    let mut parts = Vec::new();
    // A first name needs no dot.
    let mut dotted = !rest.starts_with(['.', '[']);
    while !rest.is_empty() {
        let mut deep = false;
        if let Some(after) = rest.strip_prefix("..") {
            (deep, dotted, rest) = (true, true, after);
        } else if let Some(after) = rest.strip_prefix('.') {
            (dotted, rest) = (true, after);
        }
        if let Some(after) = rest.strip_prefix('[') {
            let end = closing(after).ok_or("a `[` has no `]`")?;
            parts.push(Part::bracket(after[..end].trim(), deep));
            (rest, dotted) = (&after[end + 1..], false);
            continue;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = &rest[..end];
        if name.is_empty() && rest.is_empty() && parts.is_empty() {
            break;
        }
        if name.is_empty() || !dotted {
            return Err("a name is missing between two dots or after a bracket".to_owned());
        }
        if let Some(character) = name.chars().find(|character| "]{}()~".contains(*character)) {
            return Err(format!(
                "`{character}` in a name needs brackets and quotes: ['…']"
            ));
        }
        parts.push(Part::name(name, deep));
        (rest, dotted) = (&rest[end..], false);
    }
    Ok(parts)
}

/// Returns the end of the bracket that a text is within.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), character) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const OBJECT: &str = r#"{"spec":{"a-b":[{"n":"x","v":1},{"n":"y","v":2}],"c":{"n":"z"}},"metadata":{"labels":{"example.com/a":"1"}}}"#;

    fn found(path: &str) -> String {
        let object = Json::read(OBJECT).unwrap();
        serde_json::to_string(&Path::parse(path).unwrap().values(&object)).unwrap()
    }

    #[rstest]
    #[case::a_name("spec.c.n", r#"["z"]"#)]
    #[case::from_the_root("$.spec.c.n", r#"["z"]"#)]
    #[case::with_a_dot(".spec.c.n", r#"["z"]"#)]
    #[case::a_dash("spec.a-b[1].n", r#"["y"]"#)]
    #[case::brackets("metadata.labels['example.com/a']", r#"["1"]"#)]
    #[case::all_items("spec.a-b[*].v", "[1,2]")]
    #[case::all_keys("spec.c.*", r#"["z"]"#)]
    #[case::deep("spec..n", r#"["x","y","z"]"#)]
    #[case::a_filter("spec.a-b[?(@.n=='y')].v", "[2]")]
    #[case::nothing("spec.d", "[]")]
    #[case::root("$", &format!("[{}]", found_whole()))]
    fn a_path_leads_to(#[case] path: &str, #[case] values: &str) {
        let mut ours: Vec<serde_json::Value> = serde_json::from_str(&found(path)).unwrap();
        let mut theirs: Vec<serde_json::Value> = serde_json::from_str(values).unwrap();
        ours.sort_by_key(ToString::to_string);
        theirs.sort_by_key(ToString::to_string);
        assert_eq!(ours, theirs);
    }

    fn found_whole() -> String {
        serde_json::to_string(&Json::read(OBJECT).unwrap()).unwrap()
    }

    #[rstest]
    #[case("spec[")]
    #[case("name{]")]
    #[case("a...b")]
    #[case("a.")]
    #[case("a[0]b")]
    #[case("a[?(@.b==)]")]
    fn what_is_no_path_is_refused(#[case] path: &str) {
        let bad = Path::parse(path).unwrap_err();
        assert!(bad.to_string().contains(path), "{bad}");
    }

    #[rstest]
    #[case::below_what_is_there("spec.c.m", r#"{"n":"z","m":true}"#)]
    #[case::with_a_list_on_the_way("spec.c.l[0].m", r#"{"n":"z","l":[{"m":true}]}"#)]
    #[case::where_nothing_can_be("spec.c.n.m", r#"{"n":"z"}"#)]
    #[case::with_no_name("spec.c.x[*]", r#"{"n":"z"}"#)]
    fn what_is_missing_is_made(#[case] path: &str, #[case] expected: &str) {
        let mut object = Json::read(OBJECT).unwrap();
        Path::parse(path).unwrap().make(&mut object, Json::Bool(true));
        let made = Path::parse("spec.c").unwrap();
        assert_eq!(made.values(&object), [&Json::read(expected).unwrap()]);
    }
}
