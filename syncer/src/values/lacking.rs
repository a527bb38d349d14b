//! What a values file can ask for and the engine does not do: takes the model, gives each such thing by name. A row goes
//! when the engine has it.

use super::{Problem, Values, What};

/// Everything that is asked for and not done.
#[must_use]
pub fn lacking(values: &Values) -> Vec<Problem> {
    let (to, from) = (&values.to_host, &values.from_host);
    let services = &values.networking.replicate_services;
    let rows = [
        (to.config_maps.all, "all config maps to the host"),
        (to.secrets.all, "all Secrets to the host"),
        (to.priority_classes.enabled, "priority classes to the host"),
        (to.service_accounts.enabled, "service accounts to the host"),
        (from.config_maps.enabled, "config maps from the host"),
        (from.secrets.enabled, "Secrets from the host"),
        (!services.to_host.is_empty(), "Services replicated to the host"),
        (
            !services.from_host.is_empty(),
            "Services replicated from the host",
        ),
    ];
    let asked = rows.into_iter().filter(|(asked, _)| *asked);
    asked
        .map(|(_, what)| Problem {
            line: 0,
            what: What::NotDone {
                key: what.to_owned(),
                why: "the file can be read and converted, and the syncer does not do this yet".to_owned(),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_does_not_do_is_named() {
        let mut values = Values::default();
        assert_eq!(lacking(&values), []);
        values.to_host.priority_classes.enabled = true;
        assert_eq!(lacking(&values).len(), 1);
    }
}
