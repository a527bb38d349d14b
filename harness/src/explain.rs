//! An error in words, for people.

use std::error::Error;
use std::fmt::Write;

use crate::answer::answered;

/// Returns the causes of an error, one per line, and the remedy.
#[must_use]
pub fn explain(error: &dyn Error, remedy: Option<String>) -> String {
    let mut text = format!("failed to {error}");
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(answer) = answered(error) {
            // Its cause is the same answer.
            let _ = write!(text, "\n  caused by: {answer}");
            break;
        }
        let says = error.to_string();
        // Some libraries repeat their cause in their own text.
        if !message.ends_with(&says) {
            let _ = write!(text, "\n  caused by: {says}");
        }
        message = says;
        cause = error.source();
    }
    if let Some(remedy) = remedy {
        let _ = write!(text, "\n  remedy: {remedy}");
    }
    text
}
