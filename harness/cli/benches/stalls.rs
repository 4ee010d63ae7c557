//! 1,000 logins and 10,000 requests over a loopback sshd, quiet and with every processor busy: none
//! may be found only by the look that ends a wait after a second. Ends with 1 when one is, with 2
//! when it cannot measure.

#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_guest::{Generations, Guest, HostKeyPolicy, Request, Target, loopback};

const LOGINS: usize = 1_000;
const REQUESTS: usize = 10_000;
/// Requests that are sent at once.
const BATCH: usize = 5;

fn main() -> ExitCode {
    let result = loopback::Sshd::start().and_then(|sshd| {
        let quiet = measure("quiet", &sshd)?;
        let over = Arc::new(AtomicBool::new(false));
        let spinners: Vec<_> = (0..std::thread::available_parallelism().map_or(2, usize::from))
            .map(|_| {
                let over = over.clone();
                std::thread::spawn(move || while !over.load(Ordering::Relaxed) {})
            })
            .collect();
        let loaded = measure("every processor busy", &sshd);
        over.store(true, Ordering::Relaxed);
        for spinner in spinners {
            let _ = spinner.join();
        }
        Ok(quiet + loaded?)
    });
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(stalls) => {
            eprintln!("{stalls} answers were found only by the look that ends a wait");
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("not measured: {why}");
            ExitCode::from(2)
        }
    }
}

/// How many stalls there were.
fn measure(what: &str, sshd: &loopback::Sshd) -> Result<u64, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    let (mut logins, mut batches, mut stalls) = (Vec::new(), Vec::new(), 0);
    runtime.block_on(async {
        for _ in 0..LOGINS {
            let began = Instant::now();
            let guest = log_in(sshd).await?;
            logins.push(began.elapsed());
            stalls += guest.stats().rescues;
            guest.close().await;
        }
        let guest = log_in(sshd).await?;
        for _ in 0..REQUESTS / BATCH {
            let began = Instant::now();
            for reply in guest.batch(vec![request(); BATCH]).await {
                let reply = reply.map_err(|error| error.to_string())?;
                if (&reply.stdout[..], &reply.stderr[..]) != (&b"out"[..], &b"err"[..]) {
                    return Err("a command was answered otherwise than it printed".to_owned());
                }
            }
            batches.push(began.elapsed());
        }
        stalls += guest.stats().rescues;
        guest.close().await;
        Ok(())
    })?;
    logins.sort();
    batches.sort();
    println!(
        "{what}: {LOGINS} logins {}, {} batches of {BATCH} {}; stalls: {stalls}",
        spread(&logins),
        batches.len(),
        spread(&batches)
    );
    Ok(stalls)
}

fn spread(sorted: &[Duration]) -> String {
    let ms = |at: usize| sorted[at].as_secs_f64() * 1e3;
    format!("(median {:.1} ms, slowest {:.1} ms)", ms(sorted.len() / 2), ms(sorted.len() - 1))
}

async fn log_in(sshd: &loopback::Sshd) -> Result<Guest, String> {
    let target = Target {
        addr: sshd.addr,
        user: sshd.user.clone(),
        private_key: sshd.key.clone(),
        become_root: false,
        host_key: HostKeyPolicy::AcceptFirst,
        generations: Generations::unknown(),
        refusals: Default::default(),
        hold: Default::default(),
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    Guest::connect(target, deadline, 1.0).await.map_err(|error| error.to_string())
}

fn request() -> Request {
    Request { script: "printf out; printf err >&2".into(), timeout: Duration::from_secs(60), limit: 4096 }
}
