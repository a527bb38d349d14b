//! The change of a guest pod's status, as a strategic merge patch: conditions that others set in the meantime stay.

use k8s_openapi::api::core::v1::{PodCondition, PodStatus};
use serde_json::{Value, json};
use vcluster_values::patches::Json;

/// The lists that a strategic merge patch would merge by address, so that old addresses would stay.
const REPLACED: [&str; 2] = ["hostIPs", "podIPs"];

/// Returns the patch from one status to another.
pub(in super::super) fn patch(
    before: Option<&PodStatus>,
    after: &PodStatus,
) -> Result<Value, serde_json::Error> {
    let mut patch = difference(&serde_json::to_value(before)?, &serde_json::to_value(after)?)?;
    for list in REPLACED {
        if let Some(Value::Array(items)) = patch.get_mut(list) {
            items.insert(0, json!({"$patch": "replace"}));
        }
    }
    let before = before.and_then(|before| before.conditions.as_deref());
    patch["conditions"] = Value::Array(conditions(
        before.unwrap_or_default(),
        after.conditions.as_deref().unwrap_or_default(),
    )?);
    Ok(patch)
}

/// Returns the patches of the conditions that differ or are removed.
fn conditions(before: &[PodCondition], after: &[PodCondition]) -> Result<Vec<Value>, serde_json::Error> {
    let of = |list: &[PodCondition], type_: &str| {
        let found = list.iter().find(|condition| condition.type_ == type_);
        found.cloned()
    };
    let mut changes = Vec::new();
    for condition in after {
        let known = of(before, &condition.type_);
        if known.as_ref() != Some(condition) {
            changes.push(difference(
                &serde_json::to_value(known)?,
                &serde_json::to_value(condition)?,
            )?);
        }
    }
    let gone = before.iter().filter(|known| of(after, &known.type_).is_none());
    changes.extend(gone.map(|gone| json!({"type": gone.type_, "$patch": "delete"})));
    Ok(changes)
}

fn difference(before: &Value, after: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(Json::replacement(Some(before.into()), Some(after.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(value: Value) -> PodStatus {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_gone_is_taken_away_and_what_is_not_known_stays() {
        let before = status(json!({
            "phase": "Pending",
            "reason": "Waits",
            "podIPs": [{"ip": "10.0.0.1"}],
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "PodResizePending", "status": "True", "reason": "Deferred"},
                {"type": "Ready", "status": "False", "reason": "ContainersNotReady"},
            ],
        }));
        let after = status(json!({
            "phase": "Running",
            "podIPs": [{"ip": "10.0.0.2"}],
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": "True"},
                {"type": "Initialized", "status": "True"},
            ],
        }));
        let expected = json!({
            "phase": "Running",
            "reason": null,
            "podIPs": [{"$patch": "replace"}, {"ip": "10.0.0.2"}],
            "conditions": [
                {"type": "Ready", "status": "True", "reason": null},
                {"type": "Initialized", "status": "True"},
                {"type": "PodResizePending", "$patch": "delete"},
            ],
        });
        assert_eq!(patch(Some(&before), &after).unwrap(), expected);
    }
}
