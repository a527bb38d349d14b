use harness::substrate::native::{self, Request};
#[tokio::main]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    if a.get(1).map(String::as_str) == Some("native-supervisor") {
        tracing_subscriber::fmt().init();
        native::supervisor::supervise(a[2].as_ref()).await.unwrap();
        return;
    }
    if a.get(1).map(String::as_str) == Some("native-init") {
        if let Err(e) = native::supervisor::init(a[2].as_ref()) {
            eprintln!("init: {e}");
        }
        return;
    }
    let folder = std::path::PathBuf::from("/work/build/env/run");
    if a.get(1).map(String::as_str) == Some("down") {
        native::teardown::end("hand", &folder).await.unwrap();
        println!("{:?}", native::teardown::left_behind("hand", &folder).unwrap());
        return;
    }
    std::fs::create_dir_all(&folder).unwrap();
    let mut programs: std::collections::BTreeMap<String, std::path::PathBuf> = native::spec::PROGRAMS
        .iter()
        .map(|p| ((*p).to_owned(), format!("/work/build/bin/{p}").into()))
        .collect();
    programs.insert("ip".into(), "/usr/sbin/ip".into());
    let d = "/work/build/deb";
    let t = std::time::Instant::now();
    let cluster = native::up(
        Request {
            name: "hand".into(),
            folder,
            keep: vec!["/work/build".into()],
            programs,
            cni_plugins: format!("{d}/usr/lib/cni").into(),
            environment: vec![
                (
                    "PATH".into(),
                    format!("/work/build/bin:{d}/usr/sbin:{d}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
                ),
                ("LD_LIBRARY_PATH".into(), format!("{d}/lib")),
                (
                    "XTABLES_LIBDIR".into(),
                    format!("{d}/usr/lib/x86_64-linux-gnu/xtables"),
                ),
            ],
            pause_image: "registry.k8s.io/pause:3.10.1".into(),
        },
        &harness::events::Events::ignored(),
    )
    .await;
    match cluster {
        Ok(c) => println!("up in {:?}: {}", t.elapsed(), c.kubeconfig.display()),
        Err(e) => {
            let mut e: &dyn std::error::Error = &e;
            loop {
                println!("{e}");
                match e.source() {
                    Some(s) => e = s,
                    None => break,
                }
            }
        }
    }
}
