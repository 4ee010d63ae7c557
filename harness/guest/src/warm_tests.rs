//! A warm shell on socket pairs, next to a real sshd on this host.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::loopback::Sshd;
use super::tests::target;
use super::*;

struct Warm(Child);

impl Drop for Warm {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A shell that reads from the far ends of two ports.
fn warm_shell() -> (Warm, PortPair) {
    let (main, main_there) = UnixStream::pair().unwrap();
    let (errors, errors_there) = UnixStream::pair().unwrap();
    let output = OwnedFd::from(main_there.try_clone().unwrap());
    let child = Command::new("setsid")
        .args(["/bin/sh", "-c", &format!("exec 3<&0 4>&2 </dev/null >/dev/null 2>&1; {}", super::warm::PIPED)])
        .stdin(Stdio::from(OwnedFd::from(main_there)))
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(OwnedFd::from(errors_there)))
        .spawn()
        .unwrap();
    (Warm(child), PortPair::new(main, errors).unwrap())
}

fn request_of(script: &str, seconds: u64) -> Request {
    Request { script: script.to_owned(), timeout: Duration::from_secs(seconds), limit: 1 << 16 }
}

async fn wake(sshd: &Sshd, ports: PortPair) -> Guest {
    let deadline = Instant::now() + Duration::from_secs(60);
    Guest::wake(target(sshd), ports, deadline, 1.0).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_shell_answers_without_any_login() {
    let sshd = Sshd::start().unwrap();
    let nobody = Target { addr: ([127, 0, 0, 1], 1).into(), ..target(&sshd) };
    let (_shell, ports) = warm_shell();
    let deadline = Instant::now() + Duration::from_secs(60);
    let guest = Guest::wake(nobody, ports, deadline, 1.0).await.unwrap();
    let replies = guest
        .batch(vec![request_of("echo out; echo err >&2; exit 3", 60), request_of("printf %s \"$LC_ALL\"", 60)])
        .await;
    let first = replies[0].clone().unwrap();
    assert_eq!((first.status, &first.stdout[..], &first.stderr[..]), (3, &b"out\n"[..], &b"err\n"[..]));
    assert_eq!(replies[1].clone().unwrap().stdout, b"C.UTF-8");
    assert!(guest.is_warm());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_in_a_warm_shell_is_killed_through_ssh_and_the_shell_stays() {
    let sshd = Sshd::start().unwrap();
    let (_shell, ports) = warm_shell();
    let guest = wake(&sshd, ports).await;
    let replies = guest.batch(vec![request_of("echo begun; sleep 600", 1), request_of("echo after", 60)]).await;
    let killed = replies[0].clone().unwrap();
    assert_eq!((killed.end, &killed.stdout[..]), (End::TimedOut, &b"begun\n"[..]));
    assert_eq!(replies[1].clone().unwrap().stdout, b"after\n");
    assert!(guest.is_warm());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_shell_that_ends_is_replaced_by_a_login() {
    let sshd = Sshd::start().unwrap();
    let (_shell, ports) = warm_shell();
    let guest = wake(&sshd, ports).await;
    assert!(guest.run(request_of("kill -9 $$", 60)).await.is_err());
    assert_eq!(guest.run(request_of("echo again", 60)).await.unwrap().stdout, b"again\n");
    assert!(!guest.is_warm());
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_with_nobody_behind_them_are_left_for_a_login() {
    let sshd = Sshd::start().unwrap();
    let ((main, _main_there), (errors, _errors_there)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
    let guest = wake(&sshd, PortPair::new(main, errors).unwrap()).await;
    assert_eq!(guest.run(request_of("echo here", 60)).await.unwrap().stdout, b"here\n");
    assert!(!guest.is_warm());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_holds_the_ports_is_left_for_a_login() {
    let sshd = Sshd::start().unwrap();
    let (_shell, ports) = warm_shell();
    let guest = wake(&sshd, ports).await;
    let writer = "(i=0; while [ $i -lt 500 ]; do echo NOISE; sleep 0.02; i=$((i + 1)); done) & echo started";
    let replies = guest.commands(vec![request_of(writer, 60), request_of("sleep 0.2; echo clean", 60)]).await;
    assert!(replies[0].clone().unwrap().notes.left_open);
    assert_eq!(replies[1].clone().unwrap().stdout, b"clean\n");
    assert!(!guest.is_warm());
}
