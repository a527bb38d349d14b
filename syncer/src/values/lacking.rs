//! What a values file can ask for and the engine does not do: takes the model, gives each such thing by name. A row goes
//! when the engine has it.

use super::{Problem, Values, What};

/// Everything that is asked for and not done.
#[must_use]
pub fn lacking(values: &Values) -> Vec<Problem> {
    let (to, secrets) = (&values.to_host, &values.from_host.secrets);
    let rows = [
        (
            to.priority_classes.enabled,
            "priority classes to the host",
            "they are in no namespace, where those of several tenants would meet, and with one of its own making a tenant \
             would push out other tenants' pods; the host can show its classes instead, by \
             `sync.fromHost.priorityClasses`",
        ),
        (
            secrets.enabled && secrets.mappings.by_name.contains_key(""),
            "sync.fromHost.secrets.mappings.byName",
            "the keys of the control plane are among the Secrets of its namespace; name single ones, `/NAME`",
        ),
    ];
    let asked = rows.into_iter().filter(|(asked, ..)| *asked);
    asked
        .map(|(_, key, why)| Problem {
            line: 0,
            what: What::NotDone {
                key: key.to_owned(),
                why: why.to_owned(),
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

    #[test]
    fn all_secrets_beside_the_control_plane_are_not_shown() {
        let mut values = Values::default();
        values.from_host.secrets.enabled = true;
        let mappings = &mut values.from_host.secrets.mappings.by_name;
        mappings.insert("/one".to_owned(), "default/one".to_owned());
        assert_eq!(lacking(&values), []);
        let mappings = &mut values.from_host.secrets.mappings.by_name;
        mappings.insert(String::new(), "default/*".to_owned());
        assert_eq!(lacking(&values).len(), 1);
    }
}
