//! The write app as a server: its handling of connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rstest::rstest;
use service::fake_sidecar::{FakeSidecar, Fault};
use service::serve;
use service::shell::App;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use write_app::router;

/// A served app and the means to stop it.
struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<io::Result<()>>,
}

async fn serve(sidecar: &FakeSidecar, drain: Duration) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a loopback port is free");
    let address = listener.local_addr().expect("it is bound");
    let router = router(App::new(&sidecar.settings()).expect("valid settings"));
    let (stop, stopped) = oneshot::channel();
    let stopped = async { stopped.await.expect("the test says when") };
    Served {
        address,
        stop,
        ended: tokio::spawn(serve::until(stopped, listener, router, drain)),
    }
}

async fn say(address: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(address).await.expect("the app listens");
    connection
        .write_all(request.as_bytes())
        .await
        .expect("the app reads");
    let mut answer = String::new();
    connection
        .read_to_string(&mut answer)
        .await
        .expect("the app answers");
    answer
}

fn append(value: &str) -> String {
    format!("POST /?value={value} HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n")
}

#[rstest]
#[case::not_http("GARBAGE\r\n\r\n".into(), "400")]
#[case::a_value_too_long_for_a_query(append(&"x".repeat(64 * 1024 + 1)), "414")]
#[case::too_many_headers(format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200)), "431")]
#[tokio::test]
async fn requests_that_the_http_server_refuses_get_a_status_and_no_body(
    #[case] request: String,
    #[case] status: &str,
) {
    let sidecar = FakeSidecar::start().await;
    let served = serve(&sidecar, Duration::from_secs(1)).await;
    let answer = say(served.address, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    assert_eq!(head.split(' ').nth(1), Some(status), "{answer}");
    assert_eq!(body, "");
}

#[tokio::test]
async fn a_value_that_fits_a_query_is_taken() {
    let sidecar = FakeSidecar::start().await;
    let served = serve(&sidecar, Duration::from_secs(1)).await;
    let answer = say(served.address, &append(&"x".repeat(65_000))).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK"),
        "{}",
        answer.lines().next().unwrap_or_default()
    );
}

#[rstest]
#[case::that_end(Duration::from_secs(5), true)]
#[case::that_do_not_end(Duration::from_millis(100), false)]
#[tokio::test]
async fn stopping_waits_for_requests_but_not_for_ever(#[case] drain: Duration, #[case] drained: bool) {
    let sidecar = FakeSidecar::start().await;
    // The request gives up on the sidecar after half a second.
    sidecar.will([Fault::Silence]);
    let Served { address, stop, ended } = serve(&sidecar, drain).await;
    let request = append("42");
    let (answer, result) = tokio::join!(say(address, &request), async {
        sidecar.called().await;
        stop.send(()).expect("the app still runs");
        ended.await.expect("the server's task ends")
    });
    assert_eq!(result.is_ok(), drained, "{result:?}");
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    TcpStream::connect(address).await.expect_err("nobody listens");
}
