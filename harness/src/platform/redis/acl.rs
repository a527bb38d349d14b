//! Redis's users and their permissions.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::PostParams;
use sha2::{Digest, Sha256};

use super::super::Error;
use super::{Login, secrets_api};

/// The Secret that Redis has its ACL file from.
const SECRET: &str = "redis-acl";

/// The file, a key of the Secret.
const FILE: &str = "users.acl";

/// The commands that Dapr 1.16 sends for a state store and for pub/sub over streams, and no others. A topic is a stream, so
/// it is a key, and must have the tenant's prefix like every other key.
///
/// The test `tenants_redis` compares this list with the commands that a real daprd sends.
///
/// - `eval`: each write and each deletion is a script, which runs `hget`, `hset`, `hincrby` and `del`. So a tenant can run any
///   script, and an ACL cannot bound how long. The liveness probe in `platform/redis.yaml` ends one that does not end.
/// - `info`: the state store does not start without it. An ACL cannot restrict it to the section `replication`: a rule such as
///   `+info|replication` looks at the first argument only, so `INFO replication everything` passes. It tells how many clients
///   and keys there are and which commands were called how often, but no names, keys or addresses of clients.
/// - `get`: only for a key that is no hash, such as one that another program has written.
///
/// Redis lets everyone send `auth`, `hello`, `quit` and `reset`. No `client`: Dapr sends nothing but `CLIENT SETINFO`, goes on
/// without it, and Redis 7.0 does not have it. No `select`: the key patterns hold in each database, but the tenant's keys are
/// removed from the first one only. No `wait`: there are no replicas to wait for.
const COMMANDS: [&str; 20] = [
    "-@all",
    "+ping",
    "+info",
    "+eval",
    "+hget",
    "+hset",
    "+hincrby",
    "+hgetall",
    "+get",
    "+del",
    "+expire",
    "+persist",
    "+multi",
    "+exec",
    "+xadd",
    "+xgroup|create",
    "+xreadgroup",
    "+xack",
    "+xpending",
    "+xclaim",
];

/// Returns the line of the ACL file that defines a tenant's user.
#[must_use]
pub fn line(login: &Login) -> String {
    format!("user {} {}", login.username, rules(login).join(" "))
}

/// Makes the file, with the administrator as its only user, if it is not there.
pub(super) async fn prepare(client: &Client, password: &str) -> Result<(), Error> {
    let administrator = format!("user default on #{} ~* &* +@all", hash(password));
    change(client, |lines| {
        if !lines.iter().any(|line| is_of(line, "default")) {
            lines.push(administrator.clone());
        }
    })
    .await
}

/// Adds a tenant's user to the file.
pub(super) async fn add(client: &Client, login: &Login) -> Result<(), Error> {
    change(client, |lines| {
        lines.retain(|line| !is_of(line, &login.username));
        lines.push(line(login));
    })
    .await
}

/// Removes a tenant's user from the file.
pub(super) async fn remove(client: &Client, tenant: &str) -> Result<(), Error> {
    change(client, |lines| lines.retain(|line| !is_of(line, tenant))).await
}

/// Returns the command that adds a tenant's user to a running Redis.
pub(super) fn set_user(login: &Login) -> redis::Cmd {
    let mut command = redis::cmd("ACL");
    command
        .arg("SETUSER")
        .arg(&login.username)
        .arg("reset")
        .arg(rules(login));
    command
}

fn rules(login: &Login) -> Vec<String> {
    let mut rules = vec![
        "on".to_owned(),
        format!("#{}", hash(&login.password)),
        format!("~{}||*", login.username),
    ];
    rules.extend(COMMANDS.map(str::to_owned));
    rules
}

fn is_of(line: &str, user: &str) -> bool {
    line.split(' ').nth(1) == Some(user)
}

/// Changes the file, again and again if others change it at the same time.
async fn change(client: &Client, mut edit: impl FnMut(&mut Vec<String>)) -> Result<(), Error> {
    let secrets = secrets_api(client);
    loop {
        let found = secrets.get_opt(SECRET).await.map_err(|source| Error::Host {
            action: "read",
            object: format!("secret {SECRET}"),
            source,
        })?;
        let is_new = found.is_none();
        let mut secret = found.unwrap_or_else(|| Secret {
            metadata: kube::api::ObjectMeta {
                name: Some(SECRET.to_owned()),
                ..Default::default()
            },
            ..Secret::default()
        });
        let data = secret.data.get_or_insert_default();
        let before = data
            .get(FILE)
            .map_or_else(String::new, |text| String::from_utf8_lossy(&text.0).into_owned());
        let mut lines: Vec<String> = before.lines().map(str::to_owned).collect();
        edit(&mut lines);
        let after: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        if after == before {
            return Ok(());
        }
        data.insert(FILE.to_owned(), ByteString(after.into_bytes()));
        let params = PostParams::default();
        let written = if is_new {
            secrets.create(&params, &secret).await
        } else {
            secrets.replace(SECRET, &params, &secret).await
        };
        match written {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(source) => {
                return Err(Error::Host {
                    action: "write",
                    object: format!("secret {SECRET}"),
                    source,
                });
            }
        }
    }
}

fn hash(password: &str) -> String {
    Sha256::digest(password)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_user_reaches_its_own_keys_only() {
        let login = Login {
            username: "tenant-1".to_owned(),
            password: "s3cret".to_owned(),
        };
        let rules = rules(&login);
        assert_eq!(rules[2], "~tenant-1||*");
        assert_eq!(rules[3], "-@all");
        assert!(!rules.iter().any(|rule| rule.contains("s3cret")), "{rules:?}");
    }

    #[test]
    fn a_line_is_found_by_its_whole_user_name() {
        assert!(is_of("user tenant-1 on", "tenant-1"));
        assert!(!is_of("user tenant-10 on", "tenant-1"));
    }
}
