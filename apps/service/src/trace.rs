//! The caller's place in a distributed trace, which is passed on to Dapr.
//!
//! The apps create no spans of their own. The incoming headers go out unchanged, as the recommendation allows for a
//! service that takes no part (<https://www.w3.org/TR/trace-context/>, 2021). Without them, the sidecar begins a
//! trace itself.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

/// The trace headers of a request, if they are valid.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    headers: HeaderMap,
}

impl Trace {
    /// Takes the trace headers out of `request`. An invalid `traceparent` is dropped and its `tracestate` with
    /// it, as section 3.2.2 asks.
    #[must_use]
    pub fn of(request: &HeaderMap) -> Self {
        let mut parents = request.get_all(&PARENT).iter();
        let (Some(parent), None) = (parents.next(), parents.next()) else {
            return Self::default();
        };
        if trace_id(parent).is_none() {
            return Self::default();
        }
        let states = request.get_all(&STATE).iter().map(|state| (STATE, state.clone()));
        Self {
            headers: std::iter::once((PARENT, parent.clone())).chain(states).collect(),
        }
    }

    /// Returns the headers to send on.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the trace's id, for the log.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.headers.get(&PARENT).and_then(trace_id)
    }
}

/// Returns the trace id of a valid `traceparent`: `version-traceid-parentid-flags` in lower-case hexadecimal.
fn trace_id(parent: &HeaderValue) -> Option<&str> {
    let mut fields = parent.to_str().ok()?.split('-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let hexadecimal = |field: &str, digits: usize| {
        field.len() == digits
            && field
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let set = |field: &str| field.bytes().any(|byte| byte != b'0');
    let shaped =
        hexadecimal(version, 2) && hexadecimal(trace, 32) && hexadecimal(span, 16) && hexadecimal(flags, 2);
    // Versions to come may add fields; 00 has four, and ff is forbidden.
    let known = version != "ff" && (version != "00" || fields.next().is_none());
    (shaped && known && set(trace) && set(span)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn with(parent: &'static str) -> Trace {
        let headers = [(PARENT, parent), (STATE, "congo=t61rcWkgMzE")];
        Trace::of(
            &headers
                .map(|(name, value)| (name, HeaderValue::from_static(value)))
                .into_iter()
                .collect(),
        )
    }

    #[rstest]
    #[case::of_today("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    #[case::of_tomorrow("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more")]
    fn a_valid_trace_goes_on_with_its_state(#[case] parent: &'static str) {
        let trace = with(parent);
        assert_eq!((trace.id(), trace.headers().len()), (Some(ID), 2));
    }

    #[rstest]
    #[case::empty("")]
    #[case::upper_case("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")]
    #[case::no_trace("00-00000000000000000000000000000000-00f067aa0ba902b7-01")]
    #[case::no_span("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")]
    #[case::forbidden_version("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    #[case::one_field_too_many("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more")]
    #[case::one_field_too_few("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7")]
    fn an_invalid_one_is_dropped_with_its_state(#[case] parent: &'static str) {
        assert!(with(parent).headers().is_empty());
    }
}
