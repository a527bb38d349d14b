//! Fields by which a pod gets a hold on the node that it runs on. Other tenants' pods run there, too.

use k8s_openapi::api::core::v1::{ContainerPort, PodSpec, SecurityContext};

/// The fields of a pod that ask for a hold on its node, each with its path.
pub(super) fn asked(spec: &PodSpec) -> Vec<String> {
    let mut fields = Vec::new();
    let namespaces = [
        ("hostNetwork", spec.host_network),
        ("hostPID", spec.host_pid),
        ("hostIPC", spec.host_ipc),
    ];
    for (field, _) in namespaces.iter().filter(|(_, set)| *set == Some(true)) {
        fields.push(format!("spec.{field}"));
    }
    let windows = (spec.security_context.as_ref()).and_then(|context| context.windows_options.as_ref());
    if windows.and_then(|options| options.host_process) == Some(true) {
        fields.push("spec.securityContext.windowsOptions.hostProcess".to_owned());
    }
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        if volume.host_path.is_some() {
            fields.push(format!("spec.volumes[{index}].hostPath"));
        }
    }
    let lists = [
        (
            "initContainers",
            spec.init_containers.as_deref().unwrap_or_default(),
        ),
        ("containers", &spec.containers),
    ];
    for (list, containers) in lists {
        for (index, container) in containers.iter().enumerate() {
            let path = format!("spec.{list}[{index}]");
            fields.extend(in_container(
                &path,
                container.security_context.as_ref(),
                container.ports.as_deref(),
            ));
        }
    }
    for (index, container) in spec.ephemeral_containers.iter().flatten().enumerate() {
        let path = format!("spec.ephemeralContainers[{index}]");
        fields.extend(in_container(
            &path,
            container.security_context.as_ref(),
            container.ports.as_deref(),
        ));
    }
    fields
}

fn in_container(
    path: &str,
    context: Option<&SecurityContext>,
    ports: Option<&[ContainerPort]>,
) -> Vec<String> {
    let mut fields = Vec::new();
    let is_privileged = context.and_then(|context| context.privileged) == Some(true);
    let windows = context.and_then(|context| context.windows_options.as_ref());
    if is_privileged {
        fields.push(format!("{path}.securityContext.privileged"));
    }
    if windows.and_then(|options| options.host_process) == Some(true) {
        fields.push(format!("{path}.securityContext.windowsOptions.hostProcess"));
    }
    let is_on_the_node = |port: &&ContainerPort| port.host_port.is_some_and(|port| port != 0);
    if ports.iter().copied().flatten().any(|port| is_on_the_node(&port)) {
        fields.push(format!("{path}.ports.hostPort"));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(yaml: &str) -> PodSpec {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn every_field_that_reaches_into_the_node_is_named() {
        let spec = spec(
            "
hostNetwork: true
hostPID: true
hostIPC: true
securityContext: {windowsOptions: {hostProcess: true}}
volumes:
- {name: scratch, emptyDir: {}}
- {name: node, hostPath: {path: /}}
initContainers:
- {name: sidecar, restartPolicy: Always, ports: [{containerPort: 1, hostPort: 1}]}
containers:
- {name: app}
- {name: root, securityContext: {privileged: true, windowsOptions: {hostProcess: true}}}
ephemeralContainers:
- {name: debugger, securityContext: {privileged: true}}",
        );
        assert_eq!(
            asked(&spec),
            [
                "spec.hostNetwork",
                "spec.hostPID",
                "spec.hostIPC",
                "spec.securityContext.windowsOptions.hostProcess",
                "spec.volumes[1].hostPath",
                "spec.initContainers[0].ports.hostPort",
                "spec.containers[1].securityContext.privileged",
                "spec.containers[1].securityContext.windowsOptions.hostProcess",
                "spec.ephemeralContainers[0].securityContext.privileged",
            ]
        );
    }

    #[test]
    fn what_says_no_asks_for_nothing() {
        let spec = spec(
            "
hostNetwork: false
containers:
- {name: app, securityContext: {privileged: false}, ports: [{containerPort: 1, hostPort: 0}]}",
        );
        assert_eq!(asked(&spec), Vec::<String>::new());
    }
}
