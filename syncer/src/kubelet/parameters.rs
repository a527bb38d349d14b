//! Parameters of a kubelet's requests, translated to those of the host's API.
//!
//! An API server parses its own parameters and renames them for the kubelet (`pkg/registry/core/pod/strategy.go`); this module
//! reverts that. Values stay encoded: the words of a command need not be UTF-8.

use super::request::Verb;

/// The parameters of logs; a kubelet and the API call them the same.
const OF_LOGS: [&str; 8] = [
    "follow",
    "previous",
    "sinceSeconds",
    "sinceTime",
    "timestamps",
    "tailLines",
    "limitBytes",
    "stream",
];

/// Returns the query for the host; an unknown parameter is refused, with a message.
pub(super) fn for_host(verb: Verb, query: &str) -> Result<String, String> {
    let mut words = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (verb, name) {
            (Verb::Log, name) if OF_LOGS.contains(&name) => words.push(pair.to_owned()),
            (Verb::Exec, "command") => words.push(pair.to_owned()),
            (Verb::Exec | Verb::Attach, name) if stream(name).is_some() => {
                // Anything but this is no to a kubelet.
                let stream = stream(name).filter(|_| value == "1");
                words.extend(stream.map(|stream| format!("{stream}=true")));
            }
            (Verb::PortForward, "port") => {
                for port in value.split("%2C").flat_map(|ports| ports.split(',')) {
                    let port: u16 = port.parse().map_err(|_| format!("{port:?} is no port"))?;
                    words.push(format!("ports={port}"));
                }
            }
            _ => return Err(format!("this kubelet has no parameter {name:?} there")),
        }
    }
    Ok(words.join("&"))
}

/// Returns the API's name of a stream, for the kubelet's name.
fn stream(name: &str) -> Option<&'static str> {
    match name {
        "input" => Some("stdin"),
        "output" => Some("stdout"),
        "error" => Some("stderr"),
        "tty" => Some("tty"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_is_not_wanted_is_not_asked_for() {
        let query = for_host(Verb::Attach, "input=0&output=1&error=true&tty=");
        assert_eq!(query.as_deref(), Ok("stdout=true"));
    }

    #[test]
    fn a_commands_words_stay_as_they_came() {
        let query = "command=%ff%00&command=&command=a%3Db";
        assert_eq!(for_host(Verb::Exec, query).as_deref(), Ok(query));
    }

    #[test]
    fn unknown_parameters_are_refused() {
        let told = for_host(Verb::Attach, "command=id").unwrap_err();
        assert_eq!(told, "this kubelet has no parameter \"command\" there");
    }
}
