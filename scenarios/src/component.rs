//! Dapr's Components: as declared, and as found.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use harness::platform::Login;
use harness::workloads::store;
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};

/// The address at which daprd finds the one Redis.
const REDIS: &str = "redis-master.shared-dapr.svc.cluster.local:6379";

/// A Component as a scenario declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    name: String,
    kind: &'static str,
    items: Vec<(String, Value)>,
    scopes: Vec<String>,
    secret_store: Option<String>,
    annotations: Map<String, Value>,
}

impl Component {
    /// Creates a state store in Redis.
    #[must_use]
    pub fn redis(name: &str) -> Self {
        Self::of_kind("state.redis", name)
    }

    /// Creates a Component for topics in Redis, where each topic is a stream.
    #[must_use]
    pub fn pubsub(name: &str) -> Self {
        Self::of_kind("pubsub.redis", name)
    }

    fn of_kind(kind: &'static str, name: &str) -> Self {
        let component = Self {
            name: name.to_owned(),
            kind,
            items: Vec::new(),
            scopes: Vec::new(),
            secret_store: None,
            annotations: Map::new(),
        };
        component.with("redisHost", REDIS)
    }

    /// Creates the blog's Component: it has the name that the apps expect, this name as the prefix of keys, and the
    /// shared password.
    #[must_use]
    pub fn of_the_blog(password: &str) -> Self {
        Self::redis(store::NAME)
            .with("keyPrefix", "name")
            .with("redisPassword", password)
    }

    /// Creates a Component with this prefix and the shared password.
    #[must_use]
    pub fn with_prefix(prefix: &str, password: &str) -> Self {
        Self::redis(store::NAME)
            .with("keyPrefix", prefix)
            .with("redisPassword", password)
    }

    /// Creates a Component with this prefix and this Redis user.
    #[must_use]
    pub fn with_user(prefix: &str, login: &Login) -> Self {
        Self::with_prefix(prefix, &login.password).with("redisUsername", &login.username)
    }

    /// Logs in to Redis as a tenant's user.
    #[must_use]
    pub fn logged_in(self, login: &Login) -> Self {
        self.with("redisUsername", &login.username)
            .with("redisPassword", &login.password)
    }

    /// Sets a metadata item.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.items.retain(|(item, _)| item != name);
        self.items
            .push((name.to_owned(), json!({"name": name, "value": value})));
        self
    }

    /// Sets a metadata item to the value of a Secret's key.
    #[must_use]
    pub fn with_secret(mut self, name: &str, secret: &str, key: &str) -> Self {
        self.items.retain(|(item, _)| item != name);
        let reference = json!({"name": name, "secretKeyRef": {"name": secret, "key": key}});
        self.items.push((name.to_owned(), reference));
        self
    }

    /// Returns the Secrets that it names, each with a key.
    pub(crate) fn secrets(&self) -> Vec<(&str, &str)> {
        let references = self.items.iter().map(|(_, item)| &item["secretKeyRef"]);
        references
            .filter_map(|reference| Some((reference["name"].as_str()?, reference["key"].as_str()?)))
            .collect()
    }

    /// Removes a metadata item.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.items.retain(|(item, _)| item != name);
        self
    }

    /// Allows only these apps to use it, or all apps if the list is empty.
    #[must_use]
    pub fn scoped_to(mut self, apps: &[&str]) -> Self {
        self.scopes = apps.iter().map(|&app| app.to_owned()).collect();
        self
    }

    /// Sets the store that resolves secrets.
    #[must_use]
    pub fn with_secret_store(mut self, store: Option<&str>) -> Self {
        self.secret_store = store.map(str::to_owned);
        self
    }

    /// Sets an annotation.
    #[must_use]
    pub fn annotated(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), value.into());
        self
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its content, as both sides must have it.
    #[must_use]
    pub fn content(&self) -> Content {
        let items: Vec<&Value> = self.items.iter().map(|(_, item)| item).collect();
        let mut content = Map::new();
        content.insert(
            "spec".to_owned(),
            json!({"type": self.kind, "version": "v1", "metadata": items}),
        );
        if !self.scopes.is_empty() {
            content.insert("scopes".to_owned(), json!(self.scopes));
        }
        if let Some(store) = &self.secret_store {
            content.insert("auth".to_owned(), json!({"secretStore": store}));
        }
        Content(content)
    }

    /// Returns a number that differs between Components of different content.
    #[must_use]
    pub fn fingerprint(&self) -> u32 {
        let mut hasher = DefaultHasher::new();
        self.object().to_string().hash(&mut hasher);
        // Half of it is enough to tell a handful apart.
        u32::try_from(hasher.finish() >> 32).unwrap_or(u32::MAX)
    }

    /// Returns the object that declares it in a namespace.
    pub(crate) fn object(&self) -> Value {
        let mut object = self.content().0;
        object.insert("apiVersion".to_owned(), json!("dapr.io/v1alpha1"));
        object.insert("kind".to_owned(), json!("Component"));
        let mut metadata = json!({"name": self.name});
        if !self.annotations.is_empty() {
            metadata["annotations"] = json!(self.annotations);
        }
        object.insert("metadata".to_owned(), metadata);
        Value::Object(object)
    }
}

/// The content of a Component, without its name and namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Content(Map<String, Value>);

/// A Component as found on one side.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its UID.
    pub uid: String,
    /// Its content.
    pub content: Content,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// True if it is being deleted.
    pub is_going: bool,
}

impl From<DynamicObject> for Found {
    fn from(object: DynamicObject) -> Self {
        let mut content = match object.data {
            Value::Object(ref content) => content.clone(),
            _ => Map::new(),
        };
        content.retain(|key, _| ["spec", "scopes", "auth"].contains(&key.as_str()));
        Self {
            uid: object.uid().unwrap_or_default(),
            annotations: object.annotations().clone(),
            is_going: object.metadata.deletion_timestamp.is_some(),
            content: Content(content),
        }
    }
}
