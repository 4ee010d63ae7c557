//! How the framed shell is started, and the environment that every command finds.

use std::time::Duration;

/// How shells are started on a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// Through `sudo -n`.
    pub(super) elevated: bool,
    /// Whether the shell is root's, however it became so.
    pub(super) root: bool,
    /// How long a start, or a kill, may take.
    pub(super) patience: Duration,
}

impl Start {
    /// The command line that becomes the shell.
    pub(super) fn command(self) -> &'static str {
        // The login shell of the user runs this; `exec` leaves nothing of it behind.
        if self.elevated { "exec sudo -n /bin/sh" } else { "exec /bin/sh" }
    }

    /// The fixed environment of every command.
    pub(super) fn preamble(self) -> String {
        let home = if self.root { "/root" } else { "${HOME:-/}" };
        // A command that signals its whole process group would end the shell too; a trap keeps the
        // shell and is reset in its children. A bash that finds SSH's variables runs ~/.bashrc, even as a
        // script's interpreter: what a program prints and how long it takes would then be the user's affair.
        format!(
            "trap : INT TERM\n\
             unset ENV BASH_ENV CDPATH LANGUAGE LS_COLORS GREP_OPTIONS SSH_CLIENT SSH2_CLIENT\n\
             PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME={home} TERM=dumb NO_COLOR=1\n\
             PAGER=cat SYSTEMD_PAGER= SYSTEMD_COLORS=0 LC_ALL=C.UTF-8\n\
             export PATH HOME TERM NO_COLOR PAGER SYSTEMD_PAGER SYSTEMD_COLORS LC_ALL\n\
             cd /"
        )
    }
}
