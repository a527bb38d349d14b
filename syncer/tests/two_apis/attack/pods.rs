//! Pods that reach their node, foreign volumes, or reserved nodes and classes.

use rstest::rstest;
use serde_json::{Value, json};

use super::{Layers, attempt, name_of, says};
use crate::pods::made;
use crate::rig::{NamespacePair, unique};

/// The layer besides the syncer and the policies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PodSecurity {
    Refuses,
    KnowsNothing,
}

use PodSecurity::{KnowsNothing, Refuses};

/// Returns a pod with these fields in its spec.
fn pod(spec: &Value) -> Value {
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": unique("attempt")},
        "spec": {"containers": [{"name": "app", "image": "example.com/app:1"}]},
    });
    for (field, value) in spec.as_object().expect("it is a map") {
        pod["spec"][field] = value.clone();
    }
    pod
}

/// Returns a pod with these fields in its one container.
fn container(fields: &Value) -> Value {
    let mut container = json!({"name": "app", "image": "example.com/app:1"});
    for (field, value) in fields.as_object().expect("it is a map") {
        container[field] = value.clone();
    }
    json!({ "containers": [container] })
}

/// Returns a pod with this volume.
fn volume(source: &Value) -> Value {
    let mut volume = source.clone();
    volume["name"] = json!("data");
    json!({"volumes": [{"name": "scratch", "emptyDir": {}}, volume]})
}

/// Returns a pod with an ephemeral volume of this PVC.
fn ephemeral(metadata: &Value, fields: &Value) -> Value {
    let mut spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    for (field, value) in fields.as_object().expect("it is a map") {
        spec[field] = value.clone();
    }
    volume(&json!({"ephemeral": {"volumeClaimTemplate": {"metadata": metadata, "spec": spec}}}))
}

#[rstest]
#[case::the_nodes_network(json!({"hostNetwork": true}), "spec.hostNetwork", Refuses)]
#[case::the_nodes_processes(json!({"hostPID": true}), "spec.hostPID", Refuses)]
#[case::the_nodes_memory(json!({"hostIPC": true}), "spec.hostIPC", Refuses)]
#[case::the_nodes_files(volume(&json!({"hostPath": {"path": "/"}})), "spec.volumes[1].hostPath", Refuses)]
#[case::the_nodes_ports(
    container(&json!({"ports": [{"containerPort": 80, "hostPort": 80}]})),
    "spec.containers[0].ports[0].hostPort",
    Refuses
)]
#[case::ports_of_an_init_container(
    json!({"initContainers": [{"name": "a", "image": "a", "restartPolicy": "Always",
        "ports": [{"containerPort": 80, "hostPort": 80}]}]}),
    "spec.initContainers[0].ports[0].hostPort",
    Refuses
)]
#[case::privileged(
    container(&json!({"securityContext": {"privileged": true}})),
    "spec.containers[0].securityContext.privileged",
    Refuses
)]
#[case::a_privileged_init_container(
    json!({"initContainers": [{"name": "a", "image": "a", "securityContext": {"privileged": true}}]}),
    "spec.initContainers[0].securityContext.privileged",
    Refuses
)]
#[case::a_capability(
    container(&json!({"securityContext": {"capabilities": {"add": ["CHOWN", "SYS_ADMIN"]}}})),
    "spec.containers[0].securityContext.capabilities.add[1]",
    Refuses
)]
#[case::all_capabilities(
    container(&json!({"securityContext": {"capabilities": {"add": ["ALL"]}}})),
    "spec.containers[0].securityContext.capabilities.add[0]",
    Refuses
)]
#[case::raw_packets(
    container(&json!({"securityContext": {"capabilities": {"add": ["NET_RAW"]}}})),
    "spec.containers[0].securityContext.capabilities.add[0]",
    Refuses
)]
#[case::no_seccomp(
    json!({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
    "spec.securityContext.seccompProfile.type",
    Refuses
)]
#[case::no_seccomp_in_a_container(
    container(&json!({"securityContext": {"seccompProfile": {"type": "Unconfined"}}})),
    "spec.containers[0].securityContext.seccompProfile.type",
    Refuses
)]
#[case::no_apparmor(
    container(&json!({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}})),
    "spec.containers[0].securityContext.appArmorProfile.type",
    Refuses
)]
#[case::an_selinux_type(
    container(&json!({"securityContext": {"seLinuxOptions": {"type": "spc_t"}}})),
    "spec.containers[0].securityContext.seLinuxOptions.type",
    Refuses
)]
#[case::an_selinux_user(
    json!({"securityContext": {"seLinuxOptions": {"user": "system_u"}}}),
    "spec.securityContext.seLinuxOptions.user",
    Refuses
)]
#[case::an_unmasked_proc(
    {
        let mut pod = container(&json!({"securityContext": {"procMount": "Unmasked"}}));
        pod["hostUsers"] = json!(false);
        pod
    },
    "spec.containers[0].securityContext.procMount",
    // For a pod in a user namespace the standard allows it.
    KnowsNothing
)]
#[case::a_sysctl(
    json!({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "65536"}]}}),
    "spec.securityContext.sysctls[0].name",
    Refuses
)]
#[case::a_process_of_a_windows_node(
    json!({"os": {"name": "windows"}, "hostNetwork": true,
        "securityContext": {"windowsOptions": {"hostProcess": true}}}),
    "spec.securityContext.windowsOptions.hostProcess",
    Refuses
)]
#[case::a_request_from_the_nodes_network(
    container(&json!({"livenessProbe": {"httpGet": {"port": 80, "host": "169.254.169.254"}}})),
    "spec.containers[0].livenessProbe.httpGet.host",
    Refuses
)]
#[case::a_hook_from_the_nodes_network(
    container(&json!({"lifecycle": {"preStop": {"httpGet": {"port": 2379, "host": "192.0.2.1"}}}})),
    "spec.containers[0].lifecycle.preStop.httpGet.host",
    Refuses
)]
#[case::nfs(volume(&json!({"nfs": {"server": "192.0.2.1", "path": "/"}})), "spec.volumes[1]", KnowsNothing)]
#[case::iscsi(
    volume(&json!({"iscsi": {"targetPortal": "192.0.2.1", "iqn": "iqn.2001-04.com.example:a", "lun": 0}})),
    "spec.volumes[1]",
    KnowsNothing
)]
#[case::a_flex_volume(volume(&json!({"flexVolume": {"driver": "a/b"}})), "spec.volumes[1]", KnowsNothing)]
#[case::a_cloud_disk(
    volume(&json!({"awsElasticBlockStore": {"volumeID": "vol-1"}})),
    "spec.volumes[1]",
    KnowsNothing
)]
#[case::fibre_channel(volume(&json!({"fc": {"targetWWNs": ["a"], "lun": 0}})), "spec.volumes[1]", KnowsNothing)]
#[case::ceph(volume(&json!({"cephfs": {"monitors": ["192.0.2.1"]}})), "spec.volumes[1]", KnowsNothing)]
#[case::a_git_repository(volume(&json!({"gitRepo": {"repository": "a"}})), "spec.volumes[1]", KnowsNothing)]
#[case::an_image(volume(&json!({"image": {"reference": "example.com/a:1"}})), "spec.volumes[1]", KnowsNothing)]
#[case::a_csi_driver(volume(&json!({"csi": {"driver": "hostpath.csi.k8s.io"}})), "spec.volumes[1].csi.driver", KnowsNothing)]
#[case::anothers_volume(
    ephemeral(&json!({}), &json!({"volumeName": "theirs"})),
    "spec.volumes[1].ephemeral.volumeClaimTemplate.spec.volumeName",
    KnowsNothing
)]
#[case::a_volume_by_its_labels(
    ephemeral(&json!({}), &json!({"selector": {"matchLabels": {"a": "b"}}})),
    "spec.volumes[1].ephemeral.volumeClaimTemplate.spec.selector",
    KnowsNothing
)]
#[case::a_volume_on_a_node(
    ephemeral(&json!({"annotations": {"volume.kubernetes.io/selected-node": "a"}}), &json!({})),
    "spec.volumes[1].ephemeral.volumeClaimTemplate.metadata.annotations",
    KnowsNothing
)]
#[case::all_taints(json!({"tolerations": [{"operator": "Exists"}]}), "spec.tolerations[0].key", KnowsNothing)]
#[case::a_control_planes_taint(
    json!({"tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]}),
    "spec.tolerations[0].key",
    KnowsNothing
)]
#[tokio::test]
async fn a_pod_that_reaches_out_fails_by_two_layers(
    #[case] spec: Value,
    #[case] field: &str,
    #[case] pod_security: PodSecurity,
) {
    let (space, layers) = (NamespacePair::shared().await, Layers::shared().await);
    let wanted = pod(&spec);
    let name = name_of(&wanted);

    // All layers off.
    attempt(&layers.none, "Pod", &wanted)
        .await
        .expect("nothing else refuses it");
    // The syncer alone.
    made(&space.guest, wanted.clone()).await;
    space.guest.has_event("Pod", &name, &format!("{field}: ")).await;
    assert_eq!(space.host.get("Pod", &name).await, None);
    // The policies alone.
    says(
        attempt(&layers.policies, "Pod", &wanted).await,
        "denied request: ",
    );
    // Pod Security admission alone.
    let answer = attempt(&layers.pod_security, "Pod", &wanted).await;
    match pod_security {
        Refuses => says(answer, "violates PodSecurity \"baseline:latest\""),
        KnowsNothing => assert!(answer.is_ok(), "{answer:?}"),
    }
}

#[tokio::test]
async fn a_runtime_class_that_the_host_does_not_show_fails_by_two_layers() {
    let (space, layers) = (NamespacePair::shared().await, Layers::shared().await);
    let class = json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "attack"}, "handler": "runc"});
    layers.none.everywhere().create(class.clone()).await;
    space.guest.everywhere().create(class).await;
    let wanted = pod(&json!({"runtimeClassName": "attack"}));
    attempt(&layers.none, "Pod", &wanted)
        .await
        .expect("nothing else refuses it");
    let name = name_of(&wanted);
    made(&space.guest, wanted.clone()).await;
    // At once, with what to do.
    space
        .guest
        .has_event("Pod", &name, "spec.runtimeClassName: ")
        .await;
    space
        .guest
        .has_event("Pod", &name, "Remove the field, or ask the host's administrator")
        .await;
    assert_eq!(space.host.get("Pod", &name).await, None);
    says(
        attempt(&layers.policies, "Pod", &wanted).await,
        "runtimeClassName: ",
    );
}

#[rstest]
#[case::a_node(json!({"nodeName": "node-1"}), "spec.nodeName: ")]
#[case::a_class_of_the_hosts(json!({"priorityClassName": "system-node-critical"}), "spec.priorityClassName: ")]
#[tokio::test]
async fn what_the_syncer_translates_is_refused_from_a_stolen_control_plane(
    #[case] spec: Value,
    #[case] field: &str,
) {
    let layers = Layers::shared().await;
    attempt(&layers.none, "Pod", &pod(&spec))
        .await
        .expect("nothing else refuses it");
    says(attempt(&layers.policies, "Pod", &pod(&spec)).await, field);
}

/// An ephemeral container has to comply with the same rules.
#[rstest]
#[case::privileged(json!({"privileged": true}), "securityContext.privileged: ")]
#[case::a_capability(json!({"capabilities": {"add": ["SYS_PTRACE"]}}), "securityContext.capabilities.add[0]: ")]
#[tokio::test]
async fn a_debugging_container_that_reaches_out_is_refused(#[case] context: Value, #[case] field: &str) {
    let (space, layers) = (NamespacePair::shared().await, Layers::shared().await);
    let wanted = pod(&json!({}));
    let name = name_of(&wanted);
    made(&space.guest, wanted).await;
    space.host.appears("Pod", &name).await;
    let added = json!({"spec": {"ephemeralContainers": [
        {"name": "debugger", "image": "example.com/debug:1", "securityContext": context},
    ]}});
    let path = format!("{}/ephemeralcontainers", space.guest.path("Pod", &name));
    space
        .guest
        .patch(&path, &added)
        .await
        .expect("the guest takes it");
    let expected = format!("spec.ephemeralContainers[0].{field}");
    space.guest.has_event("Pod", &name, &expected).await;
    let host = space.host.get("Pod", &name).await.expect("it runs");
    assert_eq!(host["spec"].get("ephemeralContainers"), None);
    // With the account's token, in the namespace without a standard.
    let theirs = pod(&json!({}));
    let name = theirs["metadata"]["name"]
        .as_str()
        .expect("it has one")
        .to_owned();
    layers.policies.create(theirs).await;
    let path = format!(
        "{}/ephemeralcontainers?dryRun=All",
        layers.policies.path("Pod", &name)
    );
    says(
        layers.policies.patch(&path, &added).await,
        "container.securityContext.",
    );
    let plain =
        json!({"spec": {"ephemeralContainers": [{"name": "debugger", "image": "example.com/debug:1"}]}});
    layers
        .policies
        .patch(&path, &plain)
        .await
        .expect("a plain one is fine");
}
