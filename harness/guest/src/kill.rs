//! Ending a command that runs too long or prints too much. Closing its channel would not do it: the
//! processes live on. So a second, short-lived shell walks /proc and kills them.

use std::io;
use std::time::{Duration, Instant};

use super::channel::ExecChannel;
use super::ssh::{Gone, Halt, LOOK_UP, SshSession};
use super::start::Start;
use super::stream::Stream;
use super::transport::Transport;

/// Whom to kill below the framed shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victims {
    /// The running command, by the process number of its subshell: its tree, and what has left the
    /// tree since it began but not the session. Nobody when that subshell has ended meanwhile, so
    /// that a command which follows it is never hit.
    Command(Option<u32>),
    /// Also what earlier commands left in the background: one of those may flood the streams.
    CommandAndBackground(Option<u32>),
    /// Everything the shell has started in its session, and the shell itself.
    Shell,
}

/// Kills below the framed shell `pid` by a second, short-lived shell on the same connection. True
/// when that shell says it has done so.
pub(super) fn kill(ssh: &mut SshSession, start: Start, pid: u32, victims: Victims, gone: Gone) -> Result<bool, Halt> {
    let limit = Instant::now() + start.patience;
    let mut channel = ExecChannel::open(ssh, start.command(), limit, gone)?;
    let lines = script(pid, victims, start.elevated);
    let mut rest = lines.as_bytes();
    let (mut eof_sent, mut said) = (false, Vec::new());
    let mut buffer = [0; 4096];
    let done = loop {
        let seen = ssh.seen();
        while !rest.is_empty() {
            match channel.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(Halt::System(error)),
            }
        }
        if rest.is_empty() && !eof_sent {
            channel.send_eof(ssh, limit)?;
            eof_sent = true;
        }
        let mut over = false;
        for stream in [Stream::Out, Stream::Err] {
            loop {
                match channel.read(stream, &mut buffer) {
                    Ok(0) => {
                        over = true;
                        break;
                    }
                    // Noise of a login shell may come first; the last words count.
                    Ok(count) if stream == Stream::Out => {
                        said.extend_from_slice(&buffer[..count]);
                        said.drain(..said.len().saturating_sub(64));
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(Halt::System(error)),
                }
            }
        }
        let done = said.trim_ascii_end().ends_with(DONE);
        if over || done || Instant::now() >= limit || gone() {
            break done;
        }
        ssh.wait(seen, Some(limit.min(Instant::now() + LOOK_UP)))?;
    };
    channel.close(ssh, Instant::now() + Duration::from_millis(500));
    Ok(done)
}

/// The script for a POSIX shell, builtins only. It freezes what it finds before it kills, so that
/// nothing can fork away in between, and looks again until it finds nothing new.
///
/// `elevated` says that the shell was started through sudo, which may lead its session.
fn script(shell: u32, victims: Victims, elevated: bool) -> String {
    let (command, orphans, also) = match victims {
        Victims::Command(command) => (command, "since", ""),
        Victims::CommandAndBackground(command) => (command, "all", ""),
        Victims::Shell => (None, "all", "kill -KILL $top\n"),
    };
    let command = command.map(|pid| pid.to_string()).unwrap_or_default();
    let leaders = if elevated { 2 } else { 0 };
    format!("top={shell} command={command} orphans={orphans} leaders={leaders}\n{WALK}{also}printf 'done\\n'\n")
}

/// What the script prints last.
const DONE: &[u8] = b"done";

/// The name of a program may hold blanks, brackets and newlines, so the fields of /proc/PID/stat
/// are counted from the last bracket: state, parent, group, session, and start time as the twentieth.
///
/// A process that was orphaned is known by its session, and by a parent outside of it; but only when
/// the session is the shell's own. Some SSH servers give their children none, and then the session
/// is that of the whole server.
const WALK: &str = r#"look() {
  line=
  { while IFS= read -r part; do line="$line $part"; done <"/proc/$1/stat"; } 2>/dev/null
  set -f
  set -- ${line##*) }
  set +f
  [ $# -ge 20 ] || return 1
  parent=$2 session=$4 start=${20}
}
look $top || { printf 'done\n'; exit; }
home=$session above=" $$ $top " own=
[ $home != $top ] || own=1
while [ $parent -gt 1 ]; do
  above="$above$parent "
  if [ $leaders -gt 0 ] && [ $home = $parent ]; then own=1; fi
  leaders=$((leaders - 1))
  look $parent || break
done
since=
if [ -n "$command" ]; then
  look $command && [ $parent = $top ] || { printf 'done\n'; exit; }
  since=$start
elif [ $orphans = since ]; then
  orphans=none
fi
[ -n "$own" ] || orphans=none
detached() {
  [ $session = $home ] || return 1
  case $orphans in
    none) return 1 ;;
    since)
      # Clock ticks are coarse: within one, the process numbers tell who came later.
      [ $start -ge $since ] || return 1
      if [ $start = $since ] && [ $pid -lt $command ]; then return 1; fi
      ;;
  esac
  look $parent && [ $session != $home ]
}
found=" " round=0 new=1
while [ -n "$new" ] && [ $round -lt 20 ]; do
  round=$((round + 1)) new=
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    case "$above$found" in *" $pid "*) continue ;; esac
    look $pid || continue
    if [ $parent = $top ]; then
      [ "${command:-$pid}" = $pid ] || continue
    else
      case "$found" in
        *" $parent "*) ;;
        *) detached || continue ;;
      esac
    fi
    kill -STOP $pid 2>/dev/null
    found="$found$pid " new=1
  done
done
[ "$found" = " " ] || kill -KILL $found 2>/dev/null
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_resort_kills_the_shell_itself() {
        let command = script(42, Victims::Command(Some(50)), false);
        assert!(command.starts_with("top=42 command=50 orphans=since leaders=0\n"), "{command}");
        assert!(!command.contains("kill -KILL $top"));
        assert!(!script(42, Victims::CommandAndBackground(None), true).contains("kill -KILL $top"));
        assert!(script(42, Victims::Shell, false).contains("kill -KILL $top"));
    }
}
