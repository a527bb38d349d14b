use rstest::rstest;

use super::*;

fn read(method: &Method, line: &str) -> Result<KubeletRequest, u16> {
    KubeletRequest::read(method, &line.parse().unwrap()).map_err(|refusal| refusal.code())
}

#[rstest]
#[case::log(
    "/containerLogs/default/app/main?follow=true&tailLines=5",
    "/api/v1/namespaces/mirror/pods/app/log?follow=true&tailLines=5&container=main"
)]
#[case::log_as_it_is(
    "/containerLogs/default/app/main",
    "/api/v1/namespaces/mirror/pods/app/log?container=main"
)]
#[case::exec(
    "/exec/default/app.v1/main?command=echo&command=%26tty%3D1&command=a+b&input=1&output=1&error=1&tty=1",
    "/api/v1/namespaces/mirror/pods/app.v1/exec?command=echo&command=%26tty%3D1&command=a+b&stdin=true&stdout=true&stderr=true&tty=true&container=main"
)]
#[case::attach_by_uid(
    "/attach/default/app/0a1b-2c/main?output=1",
    "/api/v1/namespaces/mirror/pods/app/attach?stdout=true&container=main"
)]
#[case::ports("/portForward/default/app", "/api/v1/namespaces/mirror/pods/app/portforward")]
#[case::named_ports(
    "/portForward/default/app/0a1b-2c?port=80%2C8080",
    "/api/v1/namespaces/mirror/pods/app/portforward?ports=80&ports=8080"
)]
fn the_host_is_asked_the_same(#[case] line: &str, #[case] host: &str) {
    let asked = read(&Method::GET, line).unwrap();
    assert_eq!(asked.at("mirror", &asked.pod), host);
}

#[test]
fn a_uid_is_kept_to_be_compared() {
    let with = read(&Method::POST, "/exec/default/app/0a1b/main").unwrap();
    let without = read(&Method::POST, "/exec/default/app/main").unwrap();
    assert_eq!(with.uid.as_deref(), Some("0a1b"));
    assert_eq!(KubeletRequest { uid: None, ..with }, without);
}

#[rstest]
#[case::nothing("/")]
#[case::no_container("/containerLogs/default/app")]
#[case::too_much("/containerLogs/default/app/0a1b/main")]
#[case::run("/run/default/app/main")]
#[case::all_pods("/pods")]
#[case::of_the_node("/logs/kubelet.log")]
#[case::other_case("/portforward/default/app")]
fn what_it_does_not_have_is_not_found(#[case] line: &str) {
    assert_eq!(read(&Method::GET, line), Err(404));
}

#[rstest]
#[case::a_step_up("/containerLogs/../app/main")]
#[case::encoded_step("/containerLogs/default/%2e%2e/main")]
#[case::encoded_slash("/containerLogs/default/app%2Flog/main")]
#[case::encoded_question("/portForward/default/app%3Fports=22")]
#[case::empty("/containerLogs//app/main")]
#[case::empty_container("/containerLogs/default/app/")]
#[case::dots("/containerLogs/default/a..b/main")]
#[case::a_dotted_namespace("/containerLogs/a.b/app/main")]
#[case::another_parameter("/exec/default/app/main&command=id")]
#[case::upper_case("/containerLogs/Default/app/main")]
#[case::a_hyphen_at_the_end("/containerLogs/default/app/main-")]
#[case::unknown_parameter("/containerLogs/default/app/main?container=daprd")]
#[case::encoded_parameter("/containerLogs/default/app/main?%63ontainer=daprd")]
#[case::a_port_that_is_none("/portForward/default/app?port=80%26x")]
fn what_could_mean_something_else_is_refused(#[case] line: &str) {
    assert_eq!(read(&Method::GET, line), Err(400));
}

#[rstest]
#[case::of_a_container("/containerLogs/default/app/", "", 63)]
#[case::of_a_namespace("/containerLogs/", "/app/main", 63)]
#[case::of_a_pod("/containerLogs/default/", "/main", 253)]
#[case::of_a_pod_to_forward_to("/portForward/default/", "", 253)]
fn a_name_is_no_longer_than_kubernetes_has_them(
    #[case] before: &str,
    #[case] after: &str,
    #[case] most: usize,
) {
    let line = |length: usize| format!("{before}{}{after}", "a".repeat(length));
    assert!(read(&Method::GET, &line(most)).is_ok());
    assert_eq!(read(&Method::GET, &line(most + 1)), Err(400));
}

#[test]
fn a_word_of_a_pods_name_may_be_longer_than_a_label() {
    let name = format!("{}.{}", "a".repeat(100), "b".repeat(100));
    let asked = read(&Method::GET, &format!("/exec/default/{name}/main?command=id")).unwrap();
    assert_eq!(asked.pod, name);
}

#[rstest]
#[case::log(Method::POST, "/containerLogs/default/app/main")]
#[case::exec(Method::DELETE, "/exec/default/app/main")]
fn a_method_that_a_kubelet_does_not_take_is_refused(#[case] method: Method, #[case] line: &str) {
    assert_eq!(read(&method, line), Err(405));
}
