//! The data in Redis.

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

    /// Returns the values that are kept under a key, as Dapr writes them; none if there is no such key.
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

    /// Returns the number of messages of a topic that hold this value.
    pub async fn messages_with(&self, topic: &str, value: &str) -> anyhow::Result<usize> {
        let mut connection = self.redis.connect().await?;
        let messages: Vec<(String, Vec<String>)> = redis::cmd("XRANGE")
            .arg(topic)
            .arg("-")
            .arg("+")
            .query_async(&mut connection)
            .await?;
        let has = |fields: &Vec<String>| fields.iter().any(|field| field.contains(value));
        Ok(messages.iter().filter(|(_, fields)| has(fields)).count())
    }

    /// Removes a topic with all its messages.
    pub async fn remove_topic(&self, topic: &str) -> anyhow::Result<()> {
        let mut connection = self.redis.connect().await?;
        redis::cmd("DEL").arg(topic).exec_async(&mut connection).await?;
        Ok(())
    }

    /// Returns every key whose data contains this value.
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
