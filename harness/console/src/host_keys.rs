//! The guest's SSH host keys, as cloud-init prints them between two marks. Pure.

/// Host keys that are believed to belong to one guest.
const MOST: usize = 16;

/// Collects the keys of one block.
#[derive(Debug, Default)]
pub(crate) struct HostKeys {
    open: bool,
    keys: Vec<String>,
}

impl HostKeys {
    /// The keys, when this line ends their block.
    pub(crate) fn take(&mut self, line: &str) -> Option<Vec<String>> {
        if !self.open && !line.contains("-----") {
            return None;
        }
        if line.contains("-----BEGIN SSH HOST KEY KEYS-----") {
            *self = Self { open: true, keys: Vec::new() };
        } else if line.contains("-----END SSH HOST KEY KEYS-----") {
            self.open = false;
            let keys = std::mem::take(&mut self.keys);
            return (!keys.is_empty()).then_some(keys);
        } else if self.open
            && self.keys.len() < MOST
            && let Some(key) = host_key(line)
        {
            self.keys.push(key);
        }
        None
    }
}

/// `type base64` of a public key in the line, without its comment. Other text may stand before it,
/// since the kernel and init write to the same port.
fn host_key(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip_while(|word| {
        !(word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-") || word.starts_with("sk-ssh-"))
    });
    let (kind, blob) = (words.next()?, words.next()?);
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    (blob.starts_with("AAAA") && blob.chars().all(base64)).then(|| format!("{kind} {blob}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_collected_from_their_block_only() {
        let mut keys = HostKeys::default();
        let found: Vec<_> = [
            "ssh-ed25519 AAAAbefore root@x",
            "-----BEGIN SSH HOST KEY KEYS-----",
            "ecdsa-sha2-nistp256 AAAA+1= root@lab",
            "[  20.1] noise ssh-ed25519 AAAAC3 root@lab",
            "ssh-rsa <script>",
            "-----END SSH HOST KEY KEYS-----",
            "ssh-rsa AAAAafter",
        ]
        .iter()
        .filter_map(|line| keys.take(line))
        .collect();
        assert_eq!(found, [["ecdsa-sha2-nistp256 AAAA+1=", "ssh-ed25519 AAAAC3"]]);
    }
}
