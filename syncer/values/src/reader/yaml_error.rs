//! Messages about a text that is not YAML: the parser's errors are translated to the terms of values files.

use serde_saphyr::{Error, UserMessageFormatter};

use super::{Problem, What};

/// Returns the error as a problem of the text, at its line.
pub(super) fn problem(error: &Error) -> Problem {
    let error = error.without_snippet();
    let location = error.location();
    let message = match error {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key
                .as_ref()
                .map_or_else(|| "a key".to_owned(), |key| format!("`{key}`"));
            format!("{key} is given twice in the same mapping: remove one of them")
        }
        Error::AliasError { error, .. } => return problem_of_alias(error, location),
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::Budget { .. } => TOO_MUCH.to_owned(),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "an alias is inside of the anchor that it refers to: write its value out".to_owned()
        }
        Error::UnknownAnchor { .. } => {
            "an alias refers to an anchor that is not defined before it".to_owned()
        }
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            "`<<` takes an alias of a mapping, or a list of such".to_owned()
        }
        Error::MultipleDocuments { .. } => {
            "the file has several YAML documents: keep one, and remove the `---` lines".to_owned()
        }
        Error::InvalidUtf8Input => super::NOT_UTF8.to_owned(),
        Error::NonFiniteFloat { value, .. } => {
            format!("`{value}` is no finite number: quotes make a text of it")
        }
        Error::Eof { .. } => "the text ends within a value".to_owned(),
        other => {
            let message = rendered(other);
            match message.as_str() {
                "recursion limit exceeded" => TOO_MUCH.to_owned(),
                _ => format!("this is not valid YAML: {message}"),
            }
        }
    };
    Problem {
        line: location.map_or(0, |location| location.line()),
        what: What::Malformed(message),
    }
}

/// The message about a file that would take more memory than its size.
const TOO_MUCH: &str = "the file is too large, too deeply nested, or too large once its aliases are expanded; values files have at most \
                        a few thousand lines";

/// Returns an error in the target of an alias, at the line of the alias.
fn problem_of_alias(error: &Error, location: Option<serde_saphyr::Location>) -> Problem {
    let inner = problem(error);
    Problem {
        line: location.map_or(inner.line, |location| location.line()),
        ..inner
    }
}

/// Returns the parser's own message without its position.
fn rendered(error: &Error) -> String {
    let mut message = error.render_with_formatter(&UserMessageFormatter);
    if let Some(location) = error.location() {
        let place = format!(" at line {}, column {}", location.line(), location.column());
        message = message.replace(&place, "");
    }
    message
}
