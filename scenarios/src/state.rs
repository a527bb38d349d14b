//! What Redis really holds.

use harness::platform::Redis;

/// Redis, seen by its administrator on the host.
#[derive(Clone, Debug)]
pub struct State {
    redis: Redis,
}

impl State {
    pub(crate) const fn new(redis: Redis) -> Self {
        Self { redis }
    }

    /// The values that are kept under a key, as Dapr writes them; none if there is no such key.
    pub async fn values(&self, key: &str) -> anyhow::Result<Vec<String>> {
        let mut connection = self.redis.connect().await?;
        let data: Option<String> = redis::cmd("HGET")
            .arg(key)
            .arg("data")
            .query_async(&mut connection)
            .await?;
        let Some(data) = data else {
            return Ok(Vec::new());
        };
        let value: serde_json::Value = serde_json::from_str(&data)?;
        let values = value.get("values").unwrap_or(&value);
        Ok(serde_json::from_value(values.clone())?)
    }

    /// Every key that has one of these values in it.
    pub async fn keys_with(&self, value: &str) -> anyhow::Result<Vec<String>> {
        let mut connection = self.redis.connect().await?;
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await?;
        let mut found = Vec::new();
        for key in keys {
            let data: Option<String> = redis::cmd("HGET")
                .arg(&key)
                .arg("data")
                .query_async(&mut connection)
                .await
                .unwrap_or(None);
            if data.is_some_and(|data| data.contains(value)) {
                found.push(key);
            }
        }
        found.sort();
        Ok(found)
    }
}
