//! Redis's passwords, drawn once and kept in Secrets of the host cluster.

use std::collections::BTreeMap;
use std::io::Read as _;

use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{DeleteParams, ObjectMeta, PostParams};

use super::super::Error;
use super::{Login, PASSWORD_KEY, SECRET, secrets_api};

/// The key of a tenant's user in its Secret.
const USERNAME_KEY: &str = "redis-username";

/// Reads the administrator's password; draws it the first time.
pub(super) async fn administrator(client: &Client) -> Result<String, Error> {
    kept(client, SECRET, &[]).await
}

/// Reads a tenant's login; draws it the first time.
pub(super) async fn tenant(client: &Client, tenant: &str) -> Result<Login, Error> {
    let password = kept(client, &name_of(tenant), &[(USERNAME_KEY, tenant)]).await?;
    Ok(Login {
        username: tenant.to_owned(),
        password,
    })
}

/// Removes a tenant's login.
pub(super) async fn forget(client: &Client, tenant: &str) -> Result<(), Error> {
    let name = name_of(tenant);
    match secrets_api(client).delete(&name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(source) => Err(Error::Host {
            action: "delete",
            object: format!("secret {name}"),
            source,
        }),
    }
}

fn name_of(tenant: &str) -> String {
    format!("{SECRET}-{tenant}")
}

/// Returns the password in a Secret, which is created if it does not exist.
async fn kept(client: &Client, name: &str, others: &[(&str, &str)]) -> Result<String, Error> {
    let secrets = secrets_api(client);
    let object = || format!("secret {name}");
    loop {
        let found = secrets.get_opt(name).await.map_err(|source| Error::Host {
            action: "read",
            object: object(),
            source,
        })?;
        if let Some(secret) = found {
            return password_in(secret).ok_or_else(|| Error::Incomplete {
                what: "a password",
                object: object(),
            });
        }
        let mut fields: BTreeMap<String, String> = others
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        fields.insert(PASSWORD_KEY.to_owned(), random_password().map_err(Error::Random)?);
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            string_data: Some(fields),
            ..Secret::default()
        };
        match secrets.create(&PostParams::default(), &secret).await {
            Ok(_) => {}
            // Somebody else was faster: theirs is read.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(source) => {
                return Err(Error::Host {
                    action: "make",
                    object: object(),
                    source,
                });
            }
        }
    }
}

fn password_in(secret: Secret) -> Option<String> {
    String::from_utf8(secret.data?.remove(PASSWORD_KEY)?.0).ok()
}

/// Returns 24 random bytes in hexadecimal, which needs no quoting anywhere.
fn random_password() -> std::io::Result<String> {
    let mut bytes = [0_u8; 24];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
