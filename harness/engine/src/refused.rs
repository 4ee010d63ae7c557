//! A login that sshd refuses: said while it is waited for, and given up once nothing can come of it.
//!
//! The key of a run may come late. cloud-init installs it, and under emulation that can be minutes after sshd
//! has started: a refusal alone proves nothing, however often it comes. The wait ends early only when the console
//! says that the boot is over, the guest has been silent since, and sshd goes on refusing; each for long enough,
//! stretched like every deadline. A console that says nothing of it is waited for until the boot's deadline.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use muster_base::machine::SeedKind;
use muster_guest::Refused;

/// Refusals from which on they are news.
const NEWS: u32 = 3;
/// Refusals before the wait can end.
const ENOUGH: u32 = 6;
/// For how long sshd must have refused, and the console been silent, where nothing installs a key after sshd has
/// started: Ignition and systemd's credentials come before it, cloud-init has said that it is done.
const DONE: Duration = Duration::from_secs(20);
/// The same where cloud-init was to install the key and is not heard of: it may be at work and not say so.
const UNHEARD: Duration = Duration::from_secs(60);
/// How often the console is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Watches refusals until `settled` says that there is no use in waiting, and gives the last of them and why. `report`
/// gets their number: at the third, and each time it has doubled since, so that a long wait is a few lines.
pub async fn watch(
    mut refusals: watch::Receiver<Refused>,
    report: impl Fn(u32),
    settled: impl Fn(Refused) -> Option<String>,
) -> (u32, String) {
    let mut next = NEWS;
    loop {
        let refused = *refusals.borrow_and_update();
        if refused.times >= next {
            report(refused.times);
            next = refused.times.saturating_mul(2);
        }
        if let Some(why) = settled(refused) {
            return (refused.times, why);
        }
        tokio::select! {
            changed = refusals.changed() => if changed.is_err() { std::future::pending::<()>().await },
            () = tokio::time::sleep(LOOK), if refused.times >= ENOUGH => {}
        }
    }
}

/// Why a guest that refuses the key will go on to do so; `None` while it may still change its mind. `lines` gives the
/// last of the console, and is read only when it can matter; `silence` is how long there was no other, `scale` stretches
/// the limits.
pub fn settled(
    refused: Refused,
    seed: SeedKind,
    lines: impl FnOnce() -> Vec<String>,
    silence: Duration,
    scale: f64,
    now: Instant,
) -> Option<String> {
    let since = refused.since.filter(|_| refused.times >= ENOUGH)?;
    let lasted = now.saturating_duration_since(since).min(silence);
    if lasted < DONE.min(UNHEARD).mul_f64(scale) {
        return None;
    }
    let lines = lines();
    // What an earlier boot printed says nothing of this one.
    let boot = lines.iter().rposition(|line| line.contains("Linux version ")).map_or(0, |at| at + 1);
    let boot = &lines[boot..];
    let cloud_init = || boot.iter().filter(|line| line.contains("Cloud-init v."));
    let done = cloud_init().any(|line| line.contains("finished at"));
    if done {
        return (lasted >= DONE.mul_f64(scale)).then(|| "cloud-init says that it has finished".to_owned());
    }
    if cloud_init().next().is_some() || !boot.iter().any(|line| line.trim_end().ends_with(" login:")) {
        return None;
    }
    let patience = match seed {
        // cloud-init comes with the system, or after it.
        SeedKind::NoCloud => UNHEARD,
        // Both come before sshd.
        SeedKind::Ignition | SeedKind::SystemdCredentials | SeedKind::None => DONE,
    };
    (lasted >= patience.mul_f64(scale)).then(|| "its console shows a login prompt and is silent".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_guest::Refusals;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn only_a_boot_that_is_over_is_given_up() {
        let begun = Instant::now();
        let refused = Refused { times: ENOUGH, since: Some(begun), ..Refused::default() };
        let given_up = |seed, console: &str, seconds: u64, silent: u64, scale| {
            let (now, silence) = (begun + Duration::from_secs(seconds), Duration::from_secs(silent));
            settled(refused, seed, || lines(console), silence, scale, now).is_some()
        };
        let prompt = "[    0.000000] Linux version 6.12\nlab login: \n";
        // Nothing but a seed that comes before sshd, or none.
        assert!(given_up(SeedKind::None, prompt, 30, 30, 1.0));
        assert!(given_up(SeedKind::SystemdCredentials, prompt, 30, 30, 1.0));
        assert!(!given_up(SeedKind::None, prompt, 30, 30, 8.0), "a slow host takes its time");
        assert!(given_up(SeedKind::None, prompt, 200, 160, 8.0));
        assert!(!given_up(SeedKind::None, prompt, 10, 30, 1.0), "sshd has only just begun to refuse");
        assert!(!given_up(SeedKind::None, prompt, 300, 10, 1.0), "the guest is still printing");
        // cloud-init may be late, whether it is heard of or not.
        assert!(!given_up(SeedKind::NoCloud, prompt, 50, 50, 1.0));
        assert!(given_up(SeedKind::NoCloud, prompt, 70, 70, 1.0));
        let begun_only = format!("{prompt}[   9.1] cloud-init[300]: Cloud-init v. 24.1 running 'init' at now");
        assert!(!given_up(SeedKind::NoCloud, &begun_only, 900, 900, 1.0), "it is at work");
        let finished = format!("{begun_only}\n[  60.2] cloud-init[900]: Cloud-init v. 24.1 finished at now");
        assert!(given_up(SeedKind::NoCloud, &finished, 30, 30, 1.0));
        // A console that does not say how far the guest is.
        assert!(!given_up(SeedKind::None, "[    0.000000] Linux version 6.12\n", 900, 900, 1.0));
        assert!(!given_up(SeedKind::None, &format!("{prompt}[    0.000000] Linux version 6.12\n"), 900, 900, 1.0));
        let few = Refused { times: ENOUGH - 1, ..refused };
        let long = Duration::from_secs(900);
        assert_eq!(settled(few, SeedKind::None, || lines(prompt), long, 1.0, begun + long), None);
    }

    #[tokio::test]
    async fn it_is_said_at_the_third_and_whenever_the_number_has_doubled() {
        let refusals = Refusals::default();
        let said = std::sync::Mutex::new(Vec::new());
        let note = async {
            for _ in 0..30 {
                refusals.note(0);
                tokio::task::yield_now().await;
            }
            std::future::pending::<()>().await
        };
        let watched = watch(
            refusals.subscribe(),
            |times| said.lock().unwrap().push(times),
            |refused| (refused.times == 30).then(|| "enough".to_owned()),
        );
        // Watched first, so that no refusal is missed between two looks.
        let end = tokio::select! {
            biased;
            end = watched => end,
            () = note => unreachable!(),
        };
        assert_eq!(end, (30, "enough".to_owned()));
        assert_eq!(*said.lock().unwrap(), [3, 6, 12, 24]);
    }
}
