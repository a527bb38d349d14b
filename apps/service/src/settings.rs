//! The settings from environment variables: ports, names, limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use reqwest::Url;
use reqwest::header::HeaderValue;

/// The settings of either app. Dapr's own variables keep Dapr's names and defaults.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// Name of the Dapr Component that keeps the values
    #[arg(long, env, default_value = "my-statestore", value_parser = NonEmptyStringValueParser::new())]
    pub state_store_name: String,

    /// Address to listen on
    #[arg(long, env, default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    pub listen_address: IpAddr,

    /// Port to listen on; 0 takes any free one, which the log names
    #[arg(long, env, default_value_t = 8080)]
    pub port: u16,

    /// Address of the sidecar, such as `http://127.0.0.1:3500`; wins over the port
    #[arg(long, env, value_parser = endpoint)]
    pub dapr_http_endpoint: Option<Url>,

    /// Port of the sidecar on the loopback address
    #[arg(long, env, default_value_t = 3500)]
    pub dapr_http_port: u16,

    /// Token that the sidecar asks for, if it does
    #[arg(long, env, hide_env_values = true, value_parser = token)]
    pub dapr_api_token: Option<Token>,

    /// Milliseconds that one request may take with all its calls to the sidecar
    #[arg(long, env, default_value = "10000", value_parser = milliseconds)]
    pub request_timeout_ms: Duration,

    /// Milliseconds that requests under way get to finish after SIGTERM; more than one request may take, less
    /// than the 30 s after which Kubernetes kills
    #[arg(long, env, default_value = "15000", value_parser = milliseconds)]
    pub drain_timeout_ms: Duration,

    /// Filter of the log: a level, or tracing's filter directives
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log: String,
}

impl Settings {
    /// Returns the address to listen on.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.listen_address, self.port)
    }

    /// Returns the token for the sidecar.
    pub(crate) fn token(&self) -> Option<&HeaderValue> {
        self.dapr_api_token.as_ref()?.0.as_ref()
    }

    /// Returns the URL of the sidecar.
    #[must_use]
    pub fn sidecar(&self) -> Url {
        self.dapr_http_endpoint.clone().unwrap_or_else(|| {
            let address = format!("http://127.0.0.1:{}", self.dapr_http_port);
            address.parse().expect("a number makes a port")
        })
    }
}

/// A secret that is sent but never shown.
#[derive(Clone)]
pub struct Token(Option<HeaderValue>);

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// Parses a token. An empty token is no token: a manifest that takes it from an optional Secret gives an empty one.
fn token(text: &str) -> Result<Token, String> {
    if text.is_empty() {
        return Ok(Token(None));
    }
    let mut value = HeaderValue::from_str(text).map_err(|_| "holds characters that no header may hold")?;
    value.set_sensitive(true);
    Ok(Token(Some(value)))
}

fn endpoint(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{error}"))?;
    match url.scheme() {
        "http" => Ok(url),
        scheme => Err(format!(
            "{scheme} is not supported: the sidecar is reached by plain http"
        )),
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("give a whole number of milliseconds above 0".to_owned()),
        Ok(milliseconds) => Ok(Duration::from_millis(milliseconds)),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use rstest::rstest;

    use super::*;

    #[derive(Debug, Parser)]
    struct App {
        #[command(flatten)]
        settings: Settings,
    }

    fn given(arguments: &[&str]) -> Result<Settings, clap::Error> {
        App::try_parse_from(["app"].iter().chain(arguments)).map(|app| app.settings)
    }

    #[test]
    fn defaults_are_those_of_dapr_and_of_the_tutorial() {
        let settings = given(&[]).unwrap();
        assert_eq!(settings.state_store_name, "my-statestore");
        assert_eq!(settings.listen().to_string(), "0.0.0.0:8080");
        assert_eq!(settings.sidecar().as_str(), "http://127.0.0.1:3500/");
    }

    #[test]
    fn the_endpoint_wins_over_the_port() {
        let both = [
            "--dapr-http-endpoint",
            "http://10.0.0.1:3501",
            "--dapr-http-port",
            "9",
        ];
        assert_eq!(given(&both).unwrap().sidecar().as_str(), "http://10.0.0.1:3501/");
    }

    #[rstest]
    #[case::empty_store(&["--state-store-name", ""])]
    #[case::port_out_of_range(&["--port", "70000"])]
    #[case::endpoint_without_scheme(&["--dapr-http-endpoint", "127.0.0.1:3500"])]
    #[case::endpoint_with_tls(&["--dapr-http-endpoint", "https://127.0.0.1:3500"])]
    #[case::token_with_a_line_break(&["--dapr-api-token", "a\nb"])]
    #[case::no_time_at_all(&["--request-timeout-ms", "0"])]
    fn nonsense_is_refused_at_the_start(#[case] arguments: &[&str]) {
        let error = given(arguments).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn the_token_never_shows() {
        let settings = given(&["--dapr-api-token", "hunter2"]).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
