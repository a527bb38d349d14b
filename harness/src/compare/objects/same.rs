//! Replacing texts that differ each time.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The patterns of texts that differ each time, and their placeholders.
static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (
            r"(?s)-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----\n?",
            "<certificate>",
        ),
        (r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", "<token>"),
        (
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
            "<uid>",
        ),
        (
            r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
            "<time>",
        ),
        (r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", "<address>"),
        (r"\bkube-api-access-[a-z0-9]{5}\b", "kube-api-access-*"),
        (
            r"\bvcluster\.loft\.sh/token-[a-z0-9]{8}\b",
            "vcluster.loft.sh/token-*",
        ),
    ]
    .into_iter()
    .map(|(pattern, placeholder)| {
        let pattern = Regex::new(pattern).expect("the patterns are part of the program and tested");
        (pattern, placeholder)
    })
    .collect()
});

/// The placeholders for texts that differ each time.
#[derive(Clone, Debug, Default)]
pub struct Same {
    /// The longest first, or a part of one would be taken for another.
    texts: Vec<(String, String)>,
}

impl Same {
    /// Adds `placeholder` as the replacement of `text`.
    pub(super) fn replace(&mut self, text: &str, placeholder: &str) {
        if text.is_empty() {
            return;
        }
        self.texts.push((text.to_owned(), placeholder.to_owned()));
        self.texts.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    }

    /// Returns the text without the parts that differ each time.
    pub(super) fn text(&self, text: &str) -> String {
        let text = self
            .texts
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        PATTERNS.iter().fold(text, |text, (pattern, placeholder)| {
            pattern
                .replace_all(&text, |_: &Captures<'_>| *placeholder)
                .into_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::address("at 10.96.0.1:443", "at <address>:443")]
    #[case::time("2026-01-02T03:04:05Z", "<time>")]
    #[case::uid("pod 0198f0d2-0000-7000-8000-000000000001!", "pod <uid>!")]
    #[case::token("eyJhbGciOi.eyJhdWQi.c2ln", "<token>")]
    #[case::certificate(
        "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n",
        "<certificate>"
    )]
    #[case::volume("kube-api-access-x2x8q", "kube-api-access-*")]
    #[case::note("vcluster.loft.sh/token-eghyludt", "vcluster.loft.sh/token-*")]
    #[case::version("v1.33.13", "v1.33.13")]
    #[case::longest_first("tenant-1-a tenant-1", "<longer> <shorter>")]
    fn what_is_different_each_time_is_the_same(#[case] text: &str, #[case] expected: &str) {
        let mut same = Same::default();
        same.replace("tenant-1", "<shorter>");
        same.replace("tenant-1-a", "<longer>");
        assert_eq!(same.text(text), expected);
    }
}
