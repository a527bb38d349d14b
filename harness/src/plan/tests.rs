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
        images: Images::Auto,
        tenants: TenantChoice::Count(2),
        values: Values {
            origin: "built in".to_owned(),
            text: crate::tenants::BLOG_VALUES.to_owned(),
        },
        keep: Keep::OnFailure,
        report_dir: PathBuf::from("/reports"),
        jobs: None,
        seed: 7,
        filter: None,
        overcommit: false,
        existing: Existing::default(),
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
    "pull images with --substrate native: its host cluster has no way out; its images are assembled"
)]
#[case::a_context_of_nothing(
    Settings { existing: Existing { context: Some("blue".to_owned()), ..Existing::default() }, ..settings() },
    "use --context: it is for --substrate existing, and this is native"
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
    assert_eq!(tenants_that_fit(machine), fit);
}
