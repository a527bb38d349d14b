//! Names, labels and annotations.

use std::collections::BTreeMap;
use std::fmt::Write;

use k8s_openapi::api::core::v1::Pod;
use vcluster_values::naming::own::{GUEST_ANNOTATIONS, OBJECT_GENERATION};

use super::volumes;
use crate::sync::write::ownership::{self, MANAGED_LABELS};

/// Adds the annotations that in-place changes and the downward API need later.
pub(super) fn annotate(guest: &Pod, annotations: &mut BTreeMap<String, String>) {
    let labels = ownership::labels(&guest.metadata);
    if !labels.is_empty() {
        let names: Vec<&str> = labels.keys().map(String::as_str).collect();
        annotations.insert(MANAGED_LABELS.to_owned(), names.join("\n"));
    }
    let generation = guest.metadata.generation.unwrap_or_default();
    annotations.insert(OBJECT_GENERATION.to_owned(), generation.to_string());
    if volumes::show_annotations(guest) {
        annotations.insert(GUEST_ANNOTATIONS.to_owned(), written(guest));
    }
}

/// Returns a guest pod's annotations as lines, in the form of the downward API: `key="value"`, in order.
fn written(guest: &Pod) -> String {
    let all = guest.metadata.annotations.iter().flatten();
    let shown = all.filter(|(name, _)| !ownership::is_own(name));
    let lines = shown.map(|(name, value)| format!("{name}={}", quoted(value)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Quotes a text as a kubelet does, which is Go's way (<https://pkg.go.dev/strconv#Quote>).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        // Writing to a String can't fail.
        let _ = match character {
            '"' | '\\' => write!(quoted, "\\{character}"),
            '\u{7}' => write!(quoted, "\\a"),
            '\u{8}' => write!(quoted, "\\b"),
            '\u{c}' => write!(quoted, "\\f"),
            '\n' => write!(quoted, "\\n"),
            '\r' => write!(quoted, "\\r"),
            '\t' => write!(quoted, "\\t"),
            '\u{b}' => write!(quoted, "\\v"),
            _ if is_printable(character) => write!(quoted, "{character}"),
            '\0'..'\u{80}' => write!(quoted, "\\x{:02x}", u32::from(character)),
            '\u{80}'..'\u{10000}' => write!(quoted, "\\u{:04x}", u32::from(character)),
            _ => write!(quoted, "\\U{:08x}", u32::from(character)),
        };
    }
    quoted.push('"');
    quoted
}

/// Returns true if a character is visible, or is a blank. A combining mark is visible after a letter.
fn is_printable(character: char) -> bool {
    character == '\'' || format!("a{character}").escape_debug().nth(1) == Some(character)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("a note", r#""a note""#)]
    #[case::quotes(r#"{"a": 'b\c'}"#, r#""{\"a\": 'b\\c'}""#)]
    #[case::lines("a\n\tb\r", r#""a\n\tb\r""#)]
    #[case::letters_and_marks("ü u\u{308} \u{65e5} \u{1f600}", "\"ü u\u{308} \u{65e5} \u{1f600}\"")]
    #[case::unseen("\u{1}\u{7f}\u{a0}\u{2028}\u{e0001}", r#""\x01\x7f\u00a0\u2028\U000e0001""#)]
    fn a_value_is_quoted_as_a_kubelet_quotes_it(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(quoted(text), expected);
    }
}
