//! The programs that a run builds its binaries with.

use std::time::Duration;

use provision::command::Command;

use super::Check;

/// The newest that a binary asks for; Go itself fetches a newer toolchain where its settings allow that.
const GO_MODULE: &str = include_str!("../../binaries/kubernetes/go.mod");

/// Printing a version takes milliseconds, and a second where the disk is asleep.
const PRINT: Duration = Duration::from_secs(30);

/// Looks for them. Where images are `pulled`, the distribution's packages are not needed.
pub(super) async fn inspect(pulled: bool) -> Vec<Check> {
    let (go, apt, dpkg, cargo) = tokio::join!(
        first_line(Command::new("go").arg("version")),
        first_line(Command::new("apt-get").arg("--version")),
        first_line(Command::new("dpkg-deb").arg("--version")),
        first_line(Command::cargo().arg("--version")),
    );
    let from_debian =
        "use Debian or a distribution made from it; runc, Redis and iptables come from its packages";
    let mut checks = vec![
        enough_go(go),
        is_there("cargo", cargo, "install Rust with rustup and have cargo on PATH"),
    ];
    if !pulled {
        checks.push(is_there("apt-get", apt, from_debian));
        checks.push(is_there("dpkg-deb", dpkg, from_debian));
    }
    checks
}

async fn first_line(command: Command) -> Result<String, String> {
    match command.at_most(PRINT).text().await {
        Ok(text) => Ok(text.lines().next().unwrap_or_default().to_owned()),
        Err(error) if error.is_missing() => Err("not on PATH".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn is_there(program: &str, found: Result<String, String>, remedy: &str) -> Check {
    match found {
        Ok(version) => Check::met(program, version),
        Err(why) => Check::lacking(program, why, remedy),
    }
}

fn enough_go(found: Result<String, String>) -> Check {
    let wanted = GO_MODULE
        .lines()
        .find_map(|line| line.strip_prefix("go "))
        .unwrap_or_default()
        .trim();
    let need = format!("Go {wanted} or newer");
    let remedy = format!(
        "install Go {wanted} or newer and have it on PATH: Kubernetes, Dapr and helm are built with it"
    );
    match found {
        Err(why) => Check::lacking(need, why, remedy),
        Ok(version) if numbers(go_version(&version)) < numbers(wanted) => {
            Check::lacking(need, version, remedy)
        }
        Ok(version) => Check::met(need, version),
    }
}

/// Returns the version in the output of `go version`: `go version go1.26.8 linux/amd64`.
fn go_version(printed: &str) -> &str {
    printed
        .split_whitespace()
        .find_map(|word| word.strip_prefix("go1.").map(|_| &word[2..]))
        .unwrap_or_default()
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::same("go version go1.26.0 linux/amd64", true)]
    #[case::newer("go version go1.30.1 linux/amd64", true)]
    #[case::older("go version go1.9.7 linux/amd64", false)]
    #[case::something_else("gopher 7", false)]
    fn go_is_new_enough(#[case] printed: &str, #[case] met: bool) {
        assert_eq!(enough_go(Ok(printed.to_owned())).met, met);
    }
}
