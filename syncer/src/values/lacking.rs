//! What a values file can ask for and the engine does not do: takes the model, gives each such thing by name. A row goes
//! when the engine has it.

use super::{Problem, Values, What};

/// Everything that is asked for and not done.
#[must_use]
pub fn lacking(values: &Values) -> Vec<Problem> {
    let to = &values.to_host;
    let rows = [
        (to.config_maps.all, "all config maps to the host"),
        (to.secrets.all, "all Secrets to the host"),
        (to.priority_classes.enabled, "priority classes to the host"),
        (to.service_accounts.enabled, "service accounts to the host"),
    ];
    let asked = rows.into_iter().filter(|(asked, _)| *asked);
    let not_done = asked.map(|(_, what)| Problem {
        line: 0,
        what: What::NotDone {
            key: what.to_owned(),
            why: "the file can be read and converted, and the syncer does not do this yet".to_owned(),
        },
    });
    not_done.chain(shows_keys(values)).collect()
}

/// All Secrets of the control plane's namespace, which an empty name stands for.
fn shows_keys(values: &Values) -> Option<Problem> {
    let secrets = &values.from_host.secrets;
    (secrets.enabled && secrets.mappings.by_name.contains_key("")).then(|| Problem {
        line: 0,
        what: What::NotDone {
            key: "sync.fromHost.secrets.mappings.byName".to_owned(),
            why: "the keys of the control plane are among the Secrets of its namespace; name single ones, `/NAME`"
                .to_owned(),
        },
    })
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
