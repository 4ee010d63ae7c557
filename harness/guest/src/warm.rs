//! Starting the shell that stays warm: once, over SSH, in the machine that becomes a template.

use std::time::{Duration, Instant};

use super::connection::Guest;
use super::error::WarmError;
use super::reply::Request;

/// How long the SSH login that started the shell may take to end, unscaled. Forks of a template in
/// which it is still ending would each have to end it again.
const FAREWELL: Duration = Duration::from_secs(3);

/// Starts a shell that reads from the port `ports[0]` of the guest and prints to it, with its errors
/// on `ports[1]`. The process of the SSH login that did it, or why it cannot be done here.
pub async fn start(guest: &Guest, ports: [&str; 2], scale: f64) -> Result<u32, WarmError> {
    let request = Request { script: script(ports), timeout: Duration::from_secs(10).mul_f64(scale), limit: 4096 };
    let reply = guest.run(request).await?;
    match reply.status {
        0 => muster_base::text::escape_bytes(&reply.stdout).trim().parse().map_err(|_| WarmError::NoLogin),
        3 => Err(WarmError::NoPorts),
        4 => Err(WarmError::NoSetsid),
        other => Err(WarmError::Ended(other)),
    }
}

/// Waits through the warm shell until the process of the SSH login is gone, or long enough.
pub async fn farewell(warm: &Guest, login: u32, scale: f64) {
    let deadline = Instant::now() + FAREWELL.mul_f64(scale);
    while Instant::now() < deadline {
        let script = format!("test -d /proc/{login}");
        let request = Request { script, timeout: FAREWELL.mul_f64(scale), limit: 64 };
        match warm.run(request).await {
            Ok(reply) if reply.status == 0 => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => return,
        }
    }
}

/// What starts it, in the guest. The shell does not have the ports as its streams but pipes, from which `cat` copies to them: where
/// a policy confines a program, SELinux or AppArmor, the kernel takes away what it may not write to, and a device is such a thing.
/// The program would say nothing and end well, and each time a denial is logged, which is not the image's.
pub fn script([main, errors]: [&str; 2]) -> String {
    // The parent of the framed shell is the login itself; a subshell keeps its number.
    format!(
        "port() {{\n\
         for dir in /sys/class/virtio-ports/*; do\n\
         if [ \"$(cat \"$dir/name\" 2>/dev/null)\" = \"$1\" ]; then printf '/dev/%s' \"${{dir##*/}}\"; return; fi\n\
         done; return 1\n\
         }}\n\
         main=$(port {main}) && errors=$(port {errors}) && [ -c \"$main\" ] && [ -c \"$errors\" ] || exit 3\n\
         command -v setsid >/dev/null || exit 4\n\
         setsid sh -c '{OPENED} && {PIPED}' \"$main\" \"$errors\" </dev/null >/dev/null 2>&1 &\n\
         printf '%s\\n' \"$PPID\""
    )
}

/// Opens the two ports of the arguments as 3 and 4. A second opening is refused, so the first is for reading and writing.
const OPENED: &str = r#"exec 3<>"$0" 4>"$1""#;

/// The framed shell, its input and, through pipes, its output on 3 and its errors on 4.
pub(crate) const PIPED: &str =
    "{ { /bin/sh <&3 2>&1 >&5 3>&- 4>&- 5>&- | cat >&4 3>&- 4>&- 5>&-; } 5>&1 | cat >&3 3>&- 4>&-; }";
