//! 100 commands on one connected guest against the same 100 through `ssh … sh -s`, side by side on a
//! loopback sshd. Ends with 1 when muster takes more than its budget, with 2 when it cannot measure.

#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use muster_guest::{Guest, HostKeyPolicy, Request, Target, loopback};

/// Times the plain ssh may take, connection included on both sides.
const BUDGET: f64 = 1.3;
const ROUNDS: usize = 7;

fn main() -> ExitCode {
    match measure() {
        Ok(ratio) if ratio <= BUDGET => ExitCode::SUCCESS,
        Ok(ratio) => {
            eprintln!("over budget: {ratio:.2} > {BUDGET}");
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("not measured: {why}");
            ExitCode::from(2)
        }
    }
}

fn commands() -> Vec<String> {
    let mixed = [
        "cat /proc/uptime",
        "stat -c %a /etc/passwd",
        "uname -r",
        "true",
        "echo hello",
        "ls /usr",
        "grep -c root /etc/passwd",
        "cat /proc/meminfo",
        "test -d /etc && echo yes",
        "readlink /proc/self/exe",
    ];
    mixed.iter().cycle().take(100).map(|command| (*command).to_owned()).collect()
}

fn measure() -> Result<f64, String> {
    let sshd = loopback::Sshd::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    let (mut ours, mut theirs, mut ours_connected, mut theirs_connected) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let (whole, connected) = runtime.block_on(with_muster(&sshd))?;
        ours.push(whole);
        ours_connected.push(connected);
        let whole = with_ssh(&sshd, &commands())?;
        let bare = with_ssh(&sshd, &["true".to_owned()])?;
        theirs.push(whole);
        theirs_connected.push(whole.saturating_sub(bare));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let (ours_connected, theirs_connected) = (median(ours_connected), median(theirs_connected));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("100 commands, medians of {ROUNDS} rounds");
    println!("  muster, connection included   {ours:>10.1?}");
    println!("  ssh sh -s, the same           {theirs:>10.1?}");
    println!("  ratio                         {ratio:>10.2}   (budget {BUDGET})");
    println!("  muster, on a connected guest  {ours_connected:>10.1?}");
    println!("  ssh sh -s less a bare `true`  {:>10.1?}", theirs_connected);
    Ok(ratio)
}

async fn with_muster(sshd: &loopback::Sshd) -> Result<(Duration, Duration), String> {
    let target = Target {
        addr: sshd.addr,
        user: sshd.user.clone(),
        private_key: sshd.key.clone(),
        become_root: false,
        host_key: HostKeyPolicy::AcceptFirst,
        generations: muster_guest::Generations::unknown(),
        refusals: Default::default(),
        hold: Default::default(),
    };
    let requests: Vec<_> = commands()
        .into_iter()
        .map(|script| Request { script, timeout: Duration::from_secs(60), limit: 1 << 20 })
        .collect();
    let began = Instant::now();
    let deadline = began + Duration::from_secs(60);
    let guest = Guest::connect(target, deadline, 1.0).await.map_err(|error| error.to_string())?;
    let connected = Instant::now();
    for reply in guest.batch(requests).await {
        let reply = reply.map_err(|error| error.to_string())?;
        if reply.status != 0 || (reply.stdout.is_empty() && !reply.stderr.is_empty()) {
            return Err(format!("a command failed: {}", String::from_utf8_lossy(&reply.stderr)));
        }
    }
    let times = (began.elapsed(), connected.elapsed());
    guest.close().await;
    Ok(times)
}

fn with_ssh(sshd: &loopback::Sshd, commands: &[String]) -> Result<Duration, String> {
    let began = Instant::now();
    let mut ssh = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
        ])
        .args(["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-i"])
        .arg(&sshd.key)
        .args(["-p", &sshd.addr.port().to_string(), "-l", &sshd.user, &sshd.addr.ip().to_string(), "sh -s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("ssh does not start ({error}); install the package openssh-client"))?;
    let script = commands.join("\n") + "\n";
    let mut stdin = ssh.stdin.take().ok_or("ssh has no standard input")?;
    stdin.write_all(script.as_bytes()).map_err(|error| error.to_string())?;
    drop(stdin);
    let output = ssh.wait_with_output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("ssh: {}", output.status));
    }
    Ok(began.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
