//! The check that an environment is the requested one.

use std::path::Path;
use std::time::SystemTime;

use uuid::Uuid;

use super::{Attached, Error};
use crate::plan::{Plan, Substrate};

/// The file that keeps the id of a run that is not up yet. The objects of the run carry that id.
const RUN: &str = "run";

/// The values that stay the same when `up` is run again.
pub(super) struct Identity {
    pub(super) run: String,
    pub(super) started: jiff::Timestamp,
}

impl Identity {
    /// Reads the identity of an environment that is up, or creates one.
    pub(super) fn of(folder: &Path) -> Result<Self, Error> {
        match Attached::read(&Attached::file(folder)) {
            Ok(found) => Ok(Self {
                run: found.run,
                started: found.started,
            }),
            Err(_) => Ok(Self {
                run: kept(folder)?,
                started: now(),
            }),
        }
    }
}

/// Fails if the environment in `folder` is up with another host cluster, other tenants, another Kubernetes or other
/// virtual clusters than planned.
pub(super) fn require_same(folder: &Path, plan: &Plan) -> Result<(), Error> {
    let different = Attached::read(&Attached::file(folder)).map_or(None, |found| different(&found, plan));
    match different {
        Some((has, wanted)) => Err(Error::Different {
            name: plan.name.clone(),
            has,
            wanted,
        }),
        None => Ok(()),
    }
}

/// Returns the id of the run that was cut off in this folder, if one was.
#[must_use]
pub fn of_cut_off(folder: &Path) -> Option<String> {
    let run = std::fs::read_to_string(folder.join(RUN)).ok()?;
    Uuid::parse_str(&run).is_ok().then_some(run)
}

/// Returns the id of a run that was cut off, or a new one, which is kept for the next.
fn kept(folder: &Path) -> Result<String, Error> {
    if let Some(run) = of_cut_off(folder) {
        return Ok(run);
    }
    let file = &folder.join(RUN);
    let run = Uuid::now_v7().to_string();
    std::fs::write(file, &run).map_err(|source| Error::File {
        what: "write",
        path: file.to_owned(),
        source,
    })?;
    Ok(run)
}

/// Returns a property in which an environment that is up differs from the plan, as it is and as it is planned.
fn different(found: &Attached, plan: &Plan) -> Option<(String, String)> {
    let tenants: Vec<&str> = found.tenants.iter().map(|tenant| tenant.name.as_str()).collect();
    let wanted: Vec<&str> = plan.tenants.iter().map(|tenant| tenant.name.as_str()).collect();
    let (tenants, wanted) = (tenants.join(", "), wanted.join(", "));
    let virtual_clusters = |kind: &str| format!("{kind} virtual clusters");
    // One that was brought up until before its tenants has none yet.
    let wanted = if tenants.is_empty() { String::new() } else { wanted };
    let host_cluster = |substrate: Substrate| format!("a {substrate} host cluster");
    [
        (host_cluster(found.substrate), host_cluster(plan.substrate)),
        (tenants, wanted),
        (
            format!("Kubernetes {}", found.kubernetes),
            format!("Kubernetes {}", plan.kubernetes),
        ),
        (
            virtual_clusters(&found.virtual_cluster),
            virtual_clusters(&plan.virtual_cluster.to_string()),
        ),
    ]
    .into_iter()
    .find(|(has, wanted)| has != wanted)
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use provision::helm::{Chart, Helm};
    use provision::pins::Kubernetes;
    use rstest::rstest;

    use super::*;
    use crate::plan::{
        Images, Keep, Machine, Settings, SubstrateChoice, TenantChoice, Values, VirtualCluster,
    };
    use crate::substrate::Reach;
    use crate::tenants;

    fn planned(kubernetes: Kubernetes, tenants: usize) -> Plan {
        planned_on(SubstrateChoice::Native, kubernetes, tenants)
    }

    fn planned_on(substrate: SubstrateChoice, kubernetes: Kubernetes, tenants: usize) -> Plan {
        let settings = Settings {
            name: "default".to_owned(),
            substrate,
            kubernetes,
            virtual_cluster: VirtualCluster::Embedded,
            vcluster_chart: None,
            vcluster_program: None,
            images: Images::Build,
            tenants: TenantChoice::Count(tenants),
            values: Values {
                origin: "built in".to_owned(),
                text: provision::values::BLOG.to_owned(),
            },
            keep: Keep::Never,
            report_dir: "/reports".into(),
            jobs: None,
            seed: 7,
            filter: None,
            overcommit: true,
            existing: crate::plan::Existing::default(),
            until: crate::plan::Until::default(),
        };
        let machine = Machine {
            cores: 2,
            free_megabytes: 8000,
            docker: false,
        };
        Plan::new(settings, machine).expect("it can be planned")
    }

    fn up(plan: &Plan) -> Attached {
        Attached {
            name: plan.name.clone(),
            run: "0198f0d2".to_owned(),
            seed: plan.seed,
            started: jiff::Timestamp::UNIX_EPOCH,
            substrate: plan.substrate,
            kubernetes: plan.kubernetes,
            virtual_cluster: plan.virtual_cluster.to_string(),
            kubeconfig: "/host".into(),
            reach: Reach {
                control: "/control".into(),
            },
            service_cidr: "10.96.0.0/16".into(),
            registry: None,
            tenants: plan
                .tenants
                .iter()
                .map(|tenant| super::super::AttachedTenant {
                    name: tenant.name.clone(),
                    namespace: tenant.namespace.clone(),
                    kubeconfig: "/tenant".into(),
                })
                .collect(),
            tenant_settings: tenants::Settings {
                run: "0198f0d2".to_owned(),
                helm: Helm {
                    program: "/helm".into(),
                    kubeconfig: "/host".into(),
                    home: "/home".into(),
                },
                provider: tenants::Provider::Embedded {
                    chart: Chart::Folder("/chart".into()),
                    set: Vec::new(),
                },
                kubeconfigs: "/tenants".into(),
            },
            report_dir: plan.report_dir.clone(),
        }
    }

    #[rstest]
    #[case::the_same(planned(Kubernetes::V1_36, 2), None)]
    #[case::tenants(planned(Kubernetes::V1_36, 1), Some(("tenant-1, tenant-2", "tenant-1")))]
    #[case::kubernetes(planned(Kubernetes::V1_33, 2), Some(("Kubernetes 1.36", "Kubernetes 1.33")))]
    #[case::host_cluster(
        planned_on(SubstrateChoice::Kind, Kubernetes::V1_36, 2),
        Some(("a native host cluster", "a kind host cluster"))
    )]
    fn what_is_up_is_compared_with_what_is_asked_for(
        #[case] plan: Plan,
        #[case] expected: Option<(&str, &str)>,
    ) {
        let found = up(&planned(Kubernetes::V1_36, 2));
        let said = different(&found, &plan);
        let said = said.as_ref().map(|(has, wanted)| (has.as_str(), wanted.as_str()));
        assert_eq!(said, expected);
    }
}
