//! Paths to fields in rules.

/// The lists of containers of a pod.
pub(super) const CONTAINERS: [&str; 3] = [
    "spec.initContainers[*]",
    "spec.containers[*]",
    "spec.ephemeralContainers[*]",
];

/// A step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A field of an object.
    Field(&'a str),
    /// Each item of a list.
    Each,
}

/// Returns the paths that a rule's path stands for: one for each list of containers if it begins with `*`.
pub(super) fn expand(path: &str) -> Vec<String> {
    match path.strip_prefix('*') {
        Some(rest) => CONTAINERS.map(|list| format!("{list}{rest}")).into(),
        None => vec![path.to_owned()],
    }
}

/// Returns the steps of a path.
pub(super) fn steps(path: &str) -> Vec<Step<'_>> {
    let parts = path.split('.').flat_map(|part| match part.strip_suffix("[*]") {
        Some(list) => vec![Step::Field(list), Step::Each],
        None => vec![Step::Field(part)],
    });
    parts.collect()
}
