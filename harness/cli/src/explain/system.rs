//! What is known of a system before it boots: what the catalogue says of its image. All else is
//! unknown, which is neither true nor false.

use std::collections::BTreeMap;

use muster_base::machine::KernelFrom;
use muster_image::ImageSpec;
use muster_record::facts::Facts;
use muster_suite::images::ImageClaim;
use muster_suite::model::MachineOverrides;

/// An image as the catalogue has it, or, by default, no image at all.
#[derive(Debug, Clone, Default)]
pub(super) struct System {
    /// Its id, when one was named.
    pub(super) image: Option<String>,
    dimensions: BTreeMap<String, Vec<String>>,
}

impl System {
    /// What the catalogue knows of an image.
    pub(super) fn of(spec: &ImageSpec) -> Self {
        let words = |(name, value): (&String, &String)| {
            // Only of this one are there several; the catalogue joined them.
            let values = if name == "id-like" { value.split(", ").collect() } else { vec![value.as_str()] };
            (name.clone(), values.into_iter().map(str::to_owned).collect())
        };
        let mut dimensions: BTreeMap<String, Vec<String>> = spec.facts.iter().map(words).collect();
        dimensions.insert("image".to_owned(), vec![spec.id.clone()]);
        dimensions.entry("arch".to_owned()).or_insert_with(|| vec![spec.arch.name().to_owned()]);
        dimensions.insert("firmware".to_owned(), vec![spec.firmware.interface().to_owned()]);
        let from = if spec.kernel.is_some() { KernelFrom::Host } else { KernelFrom::Image };
        dimensions.insert("kernel-from".to_owned(), vec![from.name().to_owned()]);
        Self { image: Some(spec.id.clone()), dimensions }
    }

    /// The same with what its description claims.
    pub(super) fn claiming(mut self, claims: &[ImageClaim]) -> Self {
        let values = claims.iter().filter_map(|claim| claim.value_of("openssl-provider")).map(str::to_owned);
        self.dimensions.insert("claimed-openssl-provider".to_owned(), values.collect());
        self
    }

    /// The same on a machine of the shape that a test wishes.
    pub(super) fn with_spec(&self, overrides: &MachineOverrides) -> Self {
        let mut with_spec = self.clone();
        if let Some(kind) = overrides.firmware {
            with_spec.dimensions.insert("firmware".to_owned(), vec![kind.interface().to_owned()]);
        }
        if let Some(image) = &overrides.image
            && self.image.is_none()
        {
            // It is asked of no other.
            with_spec.dimensions.insert("image".to_owned(), vec![image.clone()]);
        }
        with_spec
    }

    /// The values of a dimension; `None` when only a guest could tell.
    pub(super) fn lookup(&self, name: &str) -> Option<Vec<String>> {
        self.dimensions.get(name).cloned()
    }

    /// What checks may know of the guest. What is not known is left empty.
    pub(super) fn facts(&self) -> Facts {
        let one = |name: &str| self.dimensions.get(name).and_then(|values| values.first()).cloned();
        let mut os_release = BTreeMap::new();
        for (key, name) in [("ID", "id"), ("VARIANT_ID", "variant")] {
            os_release.extend(one(name).map(|value| (key.to_owned(), value)));
        }
        os_release.extend(self.dimensions.get("id-like").map(|values| ("ID_LIKE".to_owned(), values.join(" "))));
        Facts {
            os_release,
            arch: one("arch").unwrap_or_default(),
            kernel: one("kernel").unwrap_or_default(),
            systemd: one("systemd").and_then(|version| version.parse().ok()),
            package_manager: one("package-manager"),
            rpm: one("rpm"),
            selinux: one("selinux"),
            firmware: one("firmware").unwrap_or_default(),
            mode: one("mode").unwrap_or_default(),
            ..Facts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::machine::{Arch, FirmwareKind, Format};
    use muster_image::DiskSource;

    fn spec() -> ImageSpec {
        let mut spec = ImageSpec::new("desk", DiskSource::Path("x".into()), Format::Raw);
        spec.arch = Arch::Aarch64;
        spec.firmware = FirmwareKind::UefiSecure;
        spec.facts = [("distro", "fedora-43"), ("id-like", "a, b"), ("systemd", "257")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        spec
    }

    #[test]
    fn the_catalogue_decides_and_what_it_does_not_say_is_unknown() {
        let system = System::of(&spec());
        let known = |name: &str| system.lookup(name).map(|values| values.join(" "));
        for (name, value) in [
            ("distro", "fedora-43"),
            ("id-like", "a b"),
            ("arch", "aarch64"),
            ("firmware", "uefi"),
            ("image", "desk"),
            ("kernel-from", "image"),
        ] {
            assert_eq!(known(name).as_deref(), Some(value), "{name}");
        }
        for name in ["id", "variant", "capability", "tool", "accelerator", "selinux"] {
            assert_eq!(known(name), None, "{name}");
        }
        let facts = system.facts();
        assert_eq!((facts.systemd, facts.arch.as_str(), facts.selinux), (Some(257), "aarch64", None));
        assert_eq!(System::default().lookup("arch"), None);
    }

    #[test]
    fn a_request_shapes_what_is_known() {
        let overrides = MachineOverrides {
            firmware: Some(FirmwareKind::Bios),
            image: Some("other".into()),
            ..MachineOverrides::default()
        };
        let with_spec = System::of(&spec()).with_spec(&overrides);
        assert_eq!(with_spec.lookup("firmware"), Some(vec!["bios".to_owned()]));
        assert_eq!(with_spec.lookup("image"), Some(vec!["desk".to_owned()]), "the image that was named stays");
        assert_eq!(System::default().with_spec(&overrides).lookup("image"), Some(vec!["other".to_owned()]));
    }
}
