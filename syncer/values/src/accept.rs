//! Values files as the syncer runs with them: reads a file, and refuses everything that the syncer would refuse when it starts. So
//! `syncer values check`, the harness and the syncer agree about a file.

use crate::from_host;
use crate::kinds::{self, List};
use crate::mapping::Mapping;
use crate::naming::Tenant;
use crate::reader::{self, Dialect, Error, Problem, Sources, Values, What};
use crate::to_host;

/// Reads the values of a virtual cluster, in this dialect or in the one that their keys show. Returns them with the tenant's
/// names on the host according to them. `origin` is the file's name in messages.
///
/// # Errors
///
/// Every place that cannot be read, and every place that asks for something that the syncer does not support.
pub fn accept(
    text: &str,
    origin: &str,
    dialect: Option<Dialect>,
    tenant: &Tenant,
) -> Result<(Values, Tenant), Error> {
    let (values, sources) = reader::read(text, origin, dialect)?;
    let tenant = tenant
        .clone()
        .with_namespaces(&values.namespaces.mappings.by_name)
        .with_namespace_labels(&values.policies.namespace_labels);
    let mut problems: Vec<_> = refusals(&values, &tenant)
        .into_iter()
        .map(|refusal| refusal.at(&sources))
        .collect();
    if problems.is_empty() {
        return Ok((values, tenant));
    }
    problems.sort_by_key(|problem| problem.line);
    Err(Error {
        origin: origin.to_owned(),
        problems,
    })
}

/// Reads the values of a virtual cluster whose name is not known.
///
/// # Errors
///
/// Those of [`accept`], without those that only concern certain names.
pub fn accept_of_any(text: &str, origin: &str, dialect: Option<Dialect>) -> Result<Values, Error> {
    // No namespace has such a name.
    let any = Tenant::new("any", "ANY");
    accept(text, origin, dialect, &any).map(|(values, _)| values)
}

/// Something that the values ask for and the syncer does not support.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    /// The place of the model.
    place: &'static str,
    /// The reason, as a sentence.
    why: String,
}

impl Refusal {
    fn new(place: &'static str, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { place, why }
    }

    /// Returns it as a problem of the file, at the key that asks for it.
    fn at(self, sources: &Sources) -> Problem {
        let Self { place, why } = self;
        let (key, line) = match sources.key_of(place) {
            Some((key, line)) => (key.to_owned(), line),
            None => (place.to_owned(), 0),
        };
        Problem {
            line,
            what: What::NotDone { key, why },
        }
    }
}

fn refusals(values: &Values, tenant: &Tenant) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if let Some(guest) = tenant.meets_itself() {
        refusals.push(Refusal::new(
            "namespaces.mappings.byName",
            format!(
                "`{guest}` cannot be `{}`, where the control plane is",
                tenant.namespace()
            ),
        ));
    }
    if values.to_host.priority_classes.enabled {
        refusals.push(Refusal::new(
            "toHost.priorityClasses.enabled",
            "priority classes are cluster-scoped: those of several tenants would have the same name on the host, and with one of its \
             own a tenant could preempt other tenants' pods. Switch it off; the host's classes can be shown instead, by \
             `sync.fromHost.priorityClasses`",
        ));
    }
    match from_host::shown(tenant, values) {
        Err(unreadable) => refusals.push(Refusal::new(unreadable.place, unreadable.why)),
        Ok(shown) => {
            let is_everything = |mapping: &&Mapping| mapping.is_all_of(tenant.namespace());
            if shown.secrets.iter().any(|mapping| is_everything(&mapping)) {
                refusals.push(Refusal::new(
                    "fromHost.secrets.mappings.byName",
                    "the keys of the control plane are among the Secrets of its namespace: map single Secrets by name, `/NAME`",
                ));
            }
        }
    }
    if let Err(why) = to_host::services(tenant, values) {
        refusals.push(Refusal::new("networking.replicateServices.toHost", why));
    }
    let refused = kinds::refused(values).into_iter().map(|(list, why)| {
        let place = match list {
            List::Export => "sync.generic.kinds.export",
            List::Import => "sync.generic.kinds.import",
        };
        Refusal::new(place, why)
    });
    refusals.extend(refused);
    refusals
}

#[cfg(test)]
mod tests;
