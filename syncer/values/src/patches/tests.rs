use rstest::rstest;
use serde_json::json;

use super::*;

/// Translation of names that marks them.
struct Marked;

impl Names for Marked {
    fn name(&self, name: &str, namespace: Option<&str>) -> String {
        format!("{name}@{}", namespace.unwrap_or("own"))
    }

    fn namespace(&self, namespace: &str) -> String {
        format!("host-{namespace}")
    }
}

fn patched(
    patch: serde_json::Value,
    object: &serde_json::Value,
    other: Option<&serde_json::Value>,
) -> Result<serde_json::Value, Error> {
    let patches = Patches::new(&[serde_json::from_value(patch).unwrap()])?;
    let mut object = Json::from(object);
    let other = other.map(Json::from);
    patches.apply(&mut object, other.as_ref(), &Marked)?;
    Ok(serde_json::to_value(object).unwrap())
}

#[rstest]
#[case::copy_makes_what_is_missing(
    json!({"op": "copyFromObject", "fromPath": "status", "path": "status"}),
    json!({"spec": {}}), json!({"spec": {}, "status": {"a": 1}}))]
#[case::copy_replaces_what_is_there(
    json!({"op": "copyFromObject", "fromPath": "status.a", "path": "spec"}),
    json!({"spec": {}}), json!({"spec": 1}))]
#[case::copy_replaces_an_item(
    json!({"op": "copyFromObject", "fromPath": "status.a", "path": "l[0]"}),
    json!({"l": [0, 5]}), json!({"l": [1, 5]}))]
#[case::copy_takes_the_same_path(
    json!({"op": "copyFromObject", "path": "status.a"}),
    json!({"status": {"a": 0}}), json!({"status": {"a": 1}}))]
#[case::copy_of_nothing_removes(
    json!({"op": "copyFromObject", "fromPath": "none", "path": "spec.b"}),
    json!({"spec": {"b": 1, "c": 2}}), json!({"spec": {"c": 2}}))]
fn from_the_other_side(
    #[case] patch: serde_json::Value,
    #[case] object: serde_json::Value,
    #[case] expected: serde_json::Value,
) {
    let other = json!({"status": {"a": 1}});
    assert_eq!(patched(patch, &object, Some(&other)).unwrap(), expected);
}

#[rstest]
#[case::replace(
    json!({"op": "replace", "path": "a.b", "value": "c"}),
    json!({"a": {"b": 1}}), json!({"a": {"b": "c"}}))]
#[case::replace_everywhere(
    json!({"op": "replace", "path": "a..b", "value": "c"}),
    json!({"a": {"l": [{"b": 1}, {"b": 2}]}}), json!({"a": {"l": [{"b": "c"}, {"b": "c"}]}}))]
#[case::replace_makes_nothing(
    json!({"op": "replace", "path": "a.b", "value": "c"}), json!({"a": {}}), json!({"a": {}}))]
#[case::add_makes_all_on_the_way(
    json!({"op": "add", "path": "a.l[0].b", "value": "c"}),
    json!({"a": {"x": {}}}), json!({"a": {"x": {}, "l": [{"b": "c"}]}}))]
#[case::add_appends_to_a_list(
    json!({"op": "add", "path": "a.l", "value": "c"}),
    json!({"a": {"l": ["b"]}}), json!({"a": {"l": ["b", "c"]}}))]
#[case::add_merges_keys(
    json!({"op": "add", "path": "a", "value": {"c": 2}}),
    json!({"a": {"b": 1}}), json!({"a": {"b": 1, "c": 2}}))]
#[case::remove_a_key(
    json!({"op": "remove", "path": "a.b"}), json!({"a": {"b": 1, "c": 2}}), json!({"a": {"c": 2}}))]
#[case::remove_items(
    json!({"op": "remove", "path": "a[?(@.b>1)]"}),
    json!({"a": [{"b": 1}, {"b": 2}, {"b": 3}, {"b": 0}]}), json!({"a": [{"b": 1}, {"b": 0}]}))]
fn in_an_object(
    #[case] patch: serde_json::Value,
    #[case] object: serde_json::Value,
    #[case] expected: serde_json::Value,
) {
    assert_eq!(patched(patch, &object, None).unwrap(), expected);
}

#[rstest]
#[case::a_name(json!({"path": "n"}), json!({"n": "a"}), json!({"n": "a@own"}))]
#[case::in_a_list(
    json!({"path": "l", "namePath": "n"}),
    json!({"l": [{"n": "a"}, {"n": "b", "s": "x"}]}), json!({"l": [{"n": "a@own"}, {"n": "b@own", "s": "x"}]}))]
#[case::with_namespaces(
    json!({"path": "l", "namePath": "n", "namespacePath": "s"}),
    json!({"l": [{"n": "a", "s": "x"}, {"n": "b"}]}),
    json!({"l": [{"n": "a@x", "s": "host-x"}, {"n": "b@own"}]}))]
#[case::in_a_map(
    json!({"path": "m", "namePath": "n..k", "namespacePath": "s"}),
    json!({"m": {"n": [{"k": "a"}, {"k": "b"}], "s": "x"}}),
    json!({"m": {"n": [{"k": "a@x"}, {"k": "b@x"}], "s": "host-x"}}))]
#[case::by_pattern(
    json!({"path": "n", "regex": "^$NAMESPACE/$NAME$"}), json!({"n": "x/a"}), json!({"n": "host-x/a@x"}))]
#[case::by_pattern_several(
    json!({"path": "n", "regex": "$NAME,?"}), json!({"n": "a,b"}), json!({"n": "a@own,b@own"}))]
#[case::a_name_under_a_condition(
    json!({"path": "n", "conditions": [{"path": "s", "equal": "x"}]}), json!({"n": "a"}), json!({"n": "a"}))]
#[case::what_is_no_name(json!({"path": "l[*]"}), json!({"l": [{"n": "a"}]}), json!({"l": [{"n": "a"}]}))]
fn names_are_rewritten(
    #[case] mut patch: serde_json::Value,
    #[case] object: serde_json::Value,
    #[case] expected: serde_json::Value,
) {
    patch["op"] = json!("rewriteName");
    assert_eq!(patched(patch, &object, None).unwrap(), expected);
}

#[rstest]
#[case::several_namespaces(json!({"op": "rewriteName", "path": "a", "namePath": "n", "namespacePath": "s[*]"}))]
#[case::no_labels(json!({"op": "rewriteLabelSelector", "path": "a.s"}))]
#[case::no_key(json!({"op": "rewriteLabelKey", "path": "a"}))]
#[case::no_selector(json!({"op": "rewriteLabelExpressionsSelector", "path": "a"}))]
fn what_does_not_fit_is_an_error(#[case] patch: serde_json::Value) {
    patched(patch, &json!({"a": {"n": "n", "s": ["x", "y"]}}), None).unwrap_err();
}

#[rstest]
#[case(json!({"op": "rewriteLabelSelector", "path": "a.matchLabels"}))]
#[case(json!({"op": "rewriteLabelExpressionsSelector", "path": "a"}))]
#[case(json!({"op": "rewriteLabelKey", "path": "k"}))]
fn labels_keep_their_keys(#[case] patch: serde_json::Value) {
    let object = json!({
        "a": {"matchLabels": {"app": "x"}, "matchExpressions": [{"key": "app", "operator": "Exists"}]},
        "k": "app",
    });
    assert_eq!(patched(patch, &object, None).unwrap(), object);
}

#[rstest]
#[case::empty(json!({"path": "b", "empty": true}), true)]
#[case::not_empty(json!({"path": "a.b", "empty": false}), true)]
#[case::empty_list(json!({"path": "a.l", "empty": true}), true)]
#[case::not_there(json!({"path": "b", "empty": false}), false)]
#[case::equal(json!({"path": "a", "equal": {"b": 1, "l": []}}), true)]
#[case::equal_number(json!({"path": "a.b", "equal": 1}), true)]
#[case::equal_as_text(json!({"path": "a.b", "equal": "1"}), true)]
#[case::unequal(json!({"path": "a.b", "equal": 2}), false)]
#[case::not_equal(json!({"path": "a.b", "notEqual": 2}), true)]
#[case::not_equal_to_nothing(json!({"path": "b", "notEqual": 2}), true)]
#[case::below_what_was_found(json!({"subPath": "b", "equal": 1}), true)]
#[case::elsewhere_than_below(json!({"subPath": "a.b", "equal": 1}), false)]
#[case::asks_nothing(json!({"path": "a.b"}), false)]
fn a_condition_decides(#[case] condition: serde_json::Value, #[case] holds: bool) {
    let object = json!({"a": {"b": 1, "l": []}});
    let patch = json!({"op": "remove", "path": "a", "conditions": [condition]});
    let expected = if holds { json!({}) } else { object.clone() };
    assert_eq!(patched(patch, &object, None).unwrap(), expected);
}

#[test]
fn what_goes_back_does_not_come_again() {
    let reverse = |ignore| json!({"op": "copyFromObject", "path": "spec.a", "ignore": ignore});
    let object = Json::from(&json!({"spec": {"a": 1, "b": 2}}));
    for (ignore, expected) in [
        (false, json!({"spec": {"b": 2}})),
        (true, json!({"spec": {"a": 1, "b": 2}})),
    ] {
        let reverse = serde_json::from_value(reverse(ignore)).unwrap();
        let mut object = object.clone();
        Patches::against(&[], &[reverse])
            .unwrap()
            .apply(&mut object, None, &Marked)
            .unwrap();
        assert_eq!(serde_json::to_value(object).unwrap(), expected);
    }
}

#[rstest]
#[case::no_patches(json!([]), true, false)]
#[case::a_patch_of_the_object_alone(json!([{"op": "remove", "path": "a"}]), false, false)]
#[case::a_copy_from_the_other_side(
    json!([{"op": "remove", "path": "a"}, {"op": "copyFromObject", "path": "b"}]), false, true)]
fn patches_know_what_they_use(
    #[case] patches: serde_json::Value,
    #[case] is_empty: bool,
    #[case] look_across: bool,
) {
    let patches: Vec<Patch> = serde_json::from_value(patches).unwrap();
    let patches = Patches::new(&patches).unwrap();
    assert_eq!(
        (patches.is_empty(), patches.look_across()),
        (is_empty, look_across)
    );
}

#[rstest]
#[case::of_a_name_and_its_namespace("^$NAMESPACE/$NAME$", true)]
#[case::with_an_open_group("($NAME", false)]
fn a_pattern_is_a_regular_expression(#[case] pattern: &str, #[case] is_one: bool) {
    assert_eq!(check_pattern(pattern).is_ok(), is_one);
}
