//! What a machine that nobody has reached yet was last seen to do.

use serde::{Deserialize, Serialize};

use muster_base::text::one_line;

/// Characters of a line of a console at most.
const LINE: usize = 200;

/// What a machine was last seen to do before its first answer. A login that is refused says more than any line of the
/// console after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum LastSeen {
    /// It wrote this on its console.
    Booting {
        /// Escaped, of at most 200 characters.
        line: String,
    },
    /// Its sshd refused the key.
    LoginRefused {
        /// Who tried to log in.
        user: String,
        /// How often, as far as it was said.
        times: u32,
    },
}

impl LastSeen {
    /// `sshd refuses azureuser's key (12 tries)`; escaped, one line.
    pub fn sentence(&self) -> String {
        match self {
            Self::Booting { line } => format!("its console said last: {}", one_line(line, LINE)),
            Self::LoginRefused { user, times } => refused(user, *times),
        }
    }

    /// What is known after this was seen as well.
    pub(crate) fn then(self, next: Self) -> Self {
        match (&self, &next) {
            (Self::LoginRefused { .. }, Self::Booting { .. }) => self,
            _ => next,
        }
    }
}

/// `sshd refuses azureuser's key (12 tries)`; escaped, one line.
pub fn refused(user: &str, times: u32) -> String {
    format!("sshd refuses {}'s key ({times} tries)", one_line(user, 40))
}
