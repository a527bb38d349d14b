use std::path::PathBuf;

use rstest::rstest;

use super::*;

const MACHINE: Machine = Machine {
    cores: 2,
    free_megabytes: 8000,
    docker: false,
};

fn settings() -> Settings {
    Settings {
        name: "default".to_owned(),
        substrate: SubstrateChoice::Auto,
        kubernetes: Kubernetes::default(),
        virtual_cluster: VirtualCluster::Embedded,
        vcluster_chart: None,
        vcluster_program: None,
        images: Images::Auto,
        tenants: TenantChoice::Count(2),
        values: Values {
            origin: "built in".to_owned(),
            text: provision::values::BLOG.to_owned(),
        },
        keep: Keep::OnFailure,
        report_dir: PathBuf::from("/reports"),
        jobs: None,
        seed: 7,
        filter: None,
        overcommit: false,
        existing: Existing::default(),
        until: Until::default(),
    }
}

#[test]
fn tenants_are_numbered_and_get_vclusters_namespace() {
    let plan = Plan::new(settings(), MACHINE).unwrap();
    let names: Vec<_> = plan
        .tenants
        .iter()
        .map(|tenant| (&*tenant.name, &*tenant.namespace))
        .collect();
    assert_eq!(
        names,
        [
            ("tenant-1", "vcluster-tenant-1"),
            ("tenant-2", "vcluster-tenant-2")
        ]
    );
    assert_eq!(plan.jobs, 4);
}

#[rstest]
#[case::count("3", TenantChoice::Count(3))]
#[case::one_name("blue", TenantChoice::Names(vec!["blue".to_owned()]))]
#[case::names("blue, green", TenantChoice::Names(vec!["blue".to_owned(), "green".to_owned()]))]
fn tenants_are_a_count_or_names(#[case] text: &str, #[case] expected: TenantChoice) {
    assert_eq!(text.parse::<TenantChoice>().unwrap(), expected);
}

#[rstest]
#[case::none(
    Settings { tenants: TenantChoice::Count(0), ..settings() },
    "plan an environment without tenants: --tenants takes 1 or more"
)]
#[case::too_many(
    Settings { tenants: TenantChoice::Count(50), ..settings() },
    "plan 50 tenants: 18 fit this machine (8000 MB free and 2 cores; the host cluster takes about 1500 MB, a tenant \
     about 350 MB)"
)]
#[case::too_many_of_vcluster(
    Settings {
        tenants: TenantChoice::Count(11),
        virtual_cluster: VirtualCluster::Vcluster,
        kubernetes: Kubernetes::V1_33,
        ..settings()
    },
    "plan 11 tenants: 10 fit this machine (8000 MB free and 2 cores; the host cluster takes about 1500 MB, a tenant \
     about 650 MB)"
)]
#[case::twice(
    Settings { tenants: TenantChoice::Names(vec!["a".to_owned(), "a".to_owned()]), ..settings() },
    "plan two tenants of the same name, `a`"
)]
#[case::no_jobs(
    Settings { jobs: Some(0), ..settings() },
    "run 0 scenarios at a time: --jobs takes 1 or more"
)]
#[case::native_images(
    Settings { substrate: SubstrateChoice::Native, images: Images::Pull, ..settings() },
    "pull images with --substrate native: its host cluster cannot connect to a registry; use --images build or auto"
)]
#[case::a_context_of_nothing(
    Settings { existing: Existing { context: Some("blue".to_owned()), ..Existing::default() }, ..settings() },
    "use --context: it is for --substrate existing, and this is native"
)]
#[case::vcluster_on_the_newest(
    Settings { virtual_cluster: VirtualCluster::Vcluster, ..settings() },
    "use `--virtual-cluster vcluster` with Kubernetes 1.36: the guests of vcluster 0.25 have at most 1.33, and on a \
     host of 1.34 or newer their pods never become ready (loft-sh/vcluster#3578); use --kubernetes 1.33"
)]
#[case::vcluster_without_its_program(
    Settings { virtual_cluster: VirtualCluster::Vcluster, kubernetes: Kubernetes::V1_33, ..settings() },
    "use `--virtual-cluster vcluster` without its program: a native host cluster pulls no images; give a vcluster \
     0.25.2 by --vcluster-binary FILE"
)]
#[case::vclusters_chart_for_another(
    Settings { vcluster_chart: Some("/chart".into()), ..settings() },
    "use `--vcluster-chart` with embedded virtual clusters: it is for --virtual-cluster vcluster"
)]
fn there_is_no_plan_for(#[case] settings: Settings, #[case] why: &str) {
    assert_eq!(Plan::new(settings, MACHINE).unwrap_err().to_string(), why);
}

#[rstest]
#[case::docker_answers(SubstrateChoice::Auto, true, Substrate::Kind)]
#[case::no_docker(SubstrateChoice::Auto, false, Substrate::Native)]
#[case::native_all_the_same(SubstrateChoice::Native, true, Substrate::Native)]
#[case::kind_all_the_same(SubstrateChoice::Kind, false, Substrate::Kind)]
fn the_substrate_is(#[case] choice: SubstrateChoice, #[case] docker: bool, #[case] decided: Substrate) {
    let machine = Machine { docker, ..MACHINE };
    let plan = Plan::new(
        Settings {
            substrate: choice,
            ..settings()
        },
        machine,
    )
    .unwrap();
    assert_eq!(plan.substrate, decided);
}

#[test]
fn vcluster_comes_from_its_repository_unless_a_chart_is_given() {
    let vcluster = Settings {
        virtual_cluster: VirtualCluster::Vcluster,
        kubernetes: Kubernetes::V1_33,
        vcluster_program: Some("/bin/vcluster".into()),
        ..settings()
    };
    let chart = |settings| {
        let planned = Plan::new(settings, MACHINE).unwrap().vcluster.unwrap();
        planned.chart.to_string()
    };
    assert_eq!(
        chart(vcluster.clone()),
        "vcluster 0.25.2 of https://charts.loft.sh"
    );
    let local = Settings {
        vcluster_chart: Some("/chart".into()),
        ..vcluster
    };
    assert_eq!(chart(local), "/chart");
}

#[test]
fn values_are_read_before_anything_is_made() {
    let values = Values {
        origin: "mine.yaml".to_owned(),
        text: "multiNamespaceMode: {enabled: true}\nfallbackHostDNS: true\n".to_owned(),
    };
    let error = Plan::new(Settings { values, ..settings() }, MACHINE)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("use the values in mine.yaml\n  mine.yaml:2: unknown key `fallbackHostDNS`"),
        "{error}"
    );
}

#[test]
fn the_estimate_can_be_overruled() {
    let many = Settings {
        tenants: TenantChoice::Count(50),
        overcommit: true,
        ..settings()
    };
    assert_eq!(Plan::new(many, MACHINE).unwrap().tenants.len(), 50);
}

#[rstest]
#[case::memory(Machine { cores: 64, free_megabytes: 2200, docker: false }, 2)]
#[case::cores(Machine { cores: 1, free_megabytes: 64_000, docker: false }, 10)]
#[case::nothing(Machine { cores: 2, free_megabytes: 1000, docker: false }, 0)]
fn what_fits_is_bounded_by(#[case] machine: Machine, #[case] fit: usize) {
    assert_eq!(tenants_that_fit(machine, TENANT_MEGABYTES), fit);
}
