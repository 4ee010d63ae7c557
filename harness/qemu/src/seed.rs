//! How the key of a run gets into a guest: a NoCloud disk for cloud-init, an Ignition configuration
//! in fw_cfg, systemd credentials as SMBIOS strings, or not at all.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use serde_json::json;

use super::MachineError;

/// An ephemeral ed25519 key pair, made for one run and gone with it.
#[derive(Debug)]
pub struct RunKey {
    /// The private half in OpenSSH's format, mode 0600 in a directory only this user may enter.
    pub private: PathBuf,
    /// The public half as one line of `authorized_keys`.
    pub public: String,
    _dir: tempfile::TempDir,
}

impl RunKey {
    /// Makes a key with `ssh-keygen`, so that its format is one that every SSH library reads. It lies
    /// below `above`, the run directory: when the runner is killed, nothing is left anywhere else.
    pub async fn generate(above: &Path) -> Result<Self, MachineError> {
        let failed = |reason: String| MachineError::Key { reason };
        let dir = tempfile::Builder::new()
            .prefix("key-")
            .tempdir_in(above)
            .map_err(|error| failed(format!("no directory for it in {}: {error}", above.display())))?;
        let private = dir.path().join("id_ed25519");
        let output = tokio::process::Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "muster", "-f"])
            .arg(&private)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_secs(30), output)
            .await
            .map_err(|_| failed("ssh-keygen did not end within 30 s".to_owned()))?
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => MachineError::NotInstalled { program: "ssh-keygen".to_owned() },
                _ => failed(format!("ssh-keygen: {error}")),
            })?;
        if !output.status.success() {
            let said = muster_base::text::last_words(&String::from_utf8_lossy(&output.stderr), 200);
            return Err(failed(format!("ssh-keygen: {}: {said}", output.status)));
        }
        let public = std::fs::read_to_string(private.with_extension("pub"))
            .map_err(|error| failed(format!("its public half: {error}")))?;
        Ok(Self { private, public: public.trim().to_owned(), _dir: dir })
    }
}

/// What a NoCloud seed says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoCloud {
    /// Fresh for every machine, or cloud-init takes it for one it has set up already.
    pub instance_id: String,
    /// Host name of the guest.
    pub hostname: String,
    /// Who may log in.
    pub user: String,
    /// One line of `authorized_keys`.
    pub public_key: String,
}

impl NoCloud {
    /// `user-data`. `users:` is always stated, so that no image's own default user stays open; host
    /// keys are printed on the console, where the evaluator learns them.
    pub(crate) fn user_data(&self) -> String {
        // A JSON string is a YAML string, whatever it contains.
        let access = match self.user.as_str() {
            "root" => "    lock_passwd: false\n",
            _ => "    sudo: ALL=(ALL) NOPASSWD:ALL\n    lock_passwd: true\n",
        };
        format!(
            "#cloud-config\nhostname: {hostname}\ndisable_root: false\nssh_pwauth: false\n\
             ssh:\n  emit_keys_to_console: true\n\
             users:\n  - name: {user}\n{access}    ssh_authorized_keys:\n      - {key}\n",
            hostname = json!(self.hostname),
            user = json!(self.user),
            key = json!(self.public_key),
        )
    }

    /// `meta-data`.
    pub(crate) fn meta_data(&self) -> String {
        format!("instance-id: {}\nlocal-hostname: {}\n", json!(self.instance_id), json!(self.hostname))
    }

    /// The disk: FAT, labelled CIDATA, 1 MiB. The same seed gives the same bytes.
    pub(crate) fn disk(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; 1 << 20];
        let options = fatfs::FormatVolumeOptions::new().volume_label(*b"CIDATA     ").volume_id(0x6d75_7374);
        fatfs::format_volume(Cursor::new(&mut bytes), options)?;
        {
            let volume = fatfs::FileSystem::new(Cursor::new(&mut bytes), fatfs::FsOptions::new())?;
            let root = volume.root_dir();
            for (name, text) in [("user-data", self.user_data()), ("meta-data", self.meta_data())] {
                let mut file = root.create_file(name)?;
                file.truncate()?;
                file.write_all(text.as_bytes())?;
                file.flush()?;
            }
        }
        Ok(bytes)
    }

    /// Writes the disk and, next to it for a reader, the two texts into a directory. Path of the disk.
    pub(crate) fn write(&self, dir: &Path) -> Result<PathBuf, MachineError> {
        let failed = |what: &str| {
            let what = format!("{} in {}", what, dir.display());
            move |source| MachineError::Seed { what, source }
        };
        std::fs::create_dir_all(dir).map_err(failed("the directory"))?;
        std::fs::write(dir.join("user-data"), self.user_data()).map_err(failed("user-data"))?;
        std::fs::write(dir.join("meta-data"), self.meta_data()).map_err(failed("meta-data"))?;
        let disk = dir.join("seed.img");
        let bytes = self.disk().map_err(failed("the FAT volume"))?;
        std::fs::write(&disk, bytes).map_err(failed("seed.img"))?;
        Ok(disk)
    }
}

/// What an Ignition configuration says. It adds the key, and for a user other than root the right to
/// become root without a password, and nothing else: a unit that prints host keys, say, would be seen
/// by every suite that lists units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ignition {
    /// Who may log in; created when the image has no such user.
    pub user: String,
    /// One line of `authorized_keys`.
    pub public_key: String,
}

impl Ignition {
    /// The configuration, in the first version of the specification that all of Ignition 2, Flatcar and
    /// Fedora CoreOS read.
    pub(crate) fn config(&self) -> String {
        let mut config = json!({
            "ignition": {"version": "3.0.0"},
            "passwd": {"users": [{"name": self.user, "sshAuthorizedKeys": [self.public_key]}]},
        });
        if self.user != "root" {
            let rule = format!("{} ALL=(ALL) NOPASSWD: ALL\n", self.user);
            let source = format!("data:;base64,{}", base64::engine::general_purpose::STANDARD.encode(rule));
            config["storage"] = json!({"files": [{
                "path": "/etc/sudoers.d/muster",
                "mode": 0o440,
                "overwrite": true,
                "contents": {"source": source},
            }]});
        }
        config.to_string()
    }

    /// Writes it into a directory. Path of the file.
    pub(crate) fn write(&self, dir: &Path) -> Result<PathBuf, MachineError> {
        let failed = |source| MachineError::Seed { what: format!("config.ign in {}", dir.display()), source };
        std::fs::create_dir_all(dir).map_err(failed)?;
        let path = dir.join("config.ign");
        std::fs::write(&path, self.config()).map_err(failed)?;
        Ok(path)
    }
}

/// The SMBIOS type 11 string by which systemd (and the built-in images) take root's key.
pub(crate) fn credential(public_key: &str) -> String {
    let value = base64::engine::general_purpose::STANDARD.encode(format!("{public_key}\n"));
    format!("io.systemd.credential.binary:ssh.authorized_keys.root={value}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn seed() -> NoCloud {
        NoCloud {
            instance_id: "lab-1-77".to_owned(),
            hostname: "lab-1".to_owned(),
            user: "root".to_owned(),
            public_key: "ssh-ed25519 AAAA \"quoted\" comment: x".to_owned(),
        }
    }

    #[test]
    fn the_texts_name_the_user_and_quote_the_key() {
        assert_eq!(
            seed().user_data(),
            r#"#cloud-config
hostname: "lab-1"
disable_root: false
ssh_pwauth: false
ssh:
  emit_keys_to_console: true
users:
  - name: "root"
    lock_passwd: false
    ssh_authorized_keys:
      - "ssh-ed25519 AAAA \"quoted\" comment: x"
"#
        );
        let other = NoCloud { user: "azureuser".to_owned(), ..seed() }.user_data();
        assert!(other.contains("- name: \"azureuser\"\n    sudo: ALL=(ALL) NOPASSWD:ALL\n    lock_passwd: true\n"));
        assert_eq!(seed().meta_data(), "instance-id: \"lab-1-77\"\nlocal-hostname: \"lab-1\"\n");
    }

    #[test]
    fn the_disk_is_a_labelled_volume_and_the_same_every_time() {
        let mut bytes = seed().disk().unwrap();
        assert_eq!(bytes, seed().disk().unwrap());
        let volume = fatfs::FileSystem::new(Cursor::new(&mut bytes), fatfs::FsOptions::new()).unwrap();
        assert_eq!(volume.volume_label(), "CIDATA");
        let mut text = String::new();
        volume.root_dir().open_file("user-data").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, seed().user_data());
    }

    #[test]
    fn ignition_gets_one_user_and_a_right() {
        let config =
            |user: &str| Ignition { user: user.to_owned(), public_key: "ssh-ed25519 A \"b\"".to_owned() }.config();
        assert_eq!(
            config("root"),
            r#"{"ignition":{"version":"3.0.0"},"passwd":{"users":[{"name":"root","sshAuthorizedKeys":["ssh-ed25519 A \"b\""]}]}}"#
        );
        let core: serde_json::Value = serde_json::from_str(&config("core")).unwrap();
        let file = &core["storage"]["files"][0];
        assert_eq!((file["path"].as_str(), file["mode"].as_u64()), (Some("/etc/sudoers.d/muster"), Some(288)));
        assert_eq!(file["contents"]["source"], "data:;base64,Y29yZSBBTEw9KEFMTCkgTk9QQVNTV0Q6IEFMTAo=");
    }

    #[test]
    fn a_credential_is_base64_of_the_line() {
        assert_eq!(credential("k"), "io.systemd.credential.binary:ssh.authorized_keys.root=awo=");
    }

    #[tokio::test]
    async fn a_key_is_private_and_gone_with_its_run() {
        use std::os::unix::fs::PermissionsExt;
        let key = RunKey::generate(&std::env::temp_dir()).await.unwrap();
        assert_eq!(std::fs::metadata(&key.private).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(key.public.starts_with("ssh-ed25519 AAAA"), "{}", key.public);
        let path = key.private.clone();
        drop(key);
        assert!(!path.exists());
    }
}
