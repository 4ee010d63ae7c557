//! What a machine is made of, by the names that descriptions, suites and the command line share.

use crate::words;

words! {
    /// A disk format. QEMU never probes it.
    Format {
        /// QEMU's own.
        Qcow2 = "qcow2",
        /// The bytes of the disk.
        Raw = "raw",
        /// Microsoft's, fixed or dynamic, as Azure wants it.
        Vhd = "vhd",
        /// Hyper-V's.
        Vhdx = "vhdx",
        /// VMware's, in one file.
        Vmdk = "vmdk",
        /// A root file system as a tar, or an OCI layout: it is made into a raw disk before a machine sees it.
        Tar = "tar",    }
}

impl Format {
    /// QEMU's name of the block driver, which differs for VHD. What a tar becomes is raw.
    pub fn driver(self) -> &'static str {
        match self {
            Self::Vhd => "vpc",
            Self::Tar => "raw",
            other => other.name(),
        }
    }
}

words! {
    /// Where the kernel that boots a machine comes from.
    KernelFrom {
        /// The image: its boot loader starts it, or it is the one that a root file system brings along.
        Image = "image",
        /// A file of the host that QEMU loads, and no part of what is tested.
        Host = "host",
    }
}

words! {
    /// The processor an image is made for.
    Arch {
        /// 64-bit PCs.
        X86_64 = "x86_64",
        /// 64-bit Arm; always emulated on another host.
        Aarch64 = "aarch64",
    }
}

words! {
    /// What starts the image.
    FirmwareKind {
        /// OVMF (AAVMF on Arm) without Secure Boot.
        Uefi = "uefi",
        /// OVMF with Secure Boot on and Microsoft's keys enrolled.
        UefiSecure = "uefi-secure",
        /// SeaBIOS; on Arm, no firmware at all, which only a kernel of its own can start from.
        Bios = "bios",
    }
}

words! {
    /// How the key of the run gets into the image.
    SeedKind {
        /// cloud-init's NoCloud: a small FAT disk labelled CIDATA.
        NoCloud = "nocloud",
        /// An Ignition configuration in QEMU's fw_cfg, as Flatcar and Fedora CoreOS read it.
        Ignition = "ignition",
        /// systemd credentials as SMBIOS type 11 strings (`ssh.authorized_keys.root`): root only.
        SystemdCredentials = "systemd-credentials",
        /// Nothing is given to it.
        None = "none",
    }
}

words! {
    /// How the disk is attached.
    DiskBus {
        /// virtio-blk on PCI.
        VirtioBlk = "virtio-blk",
        /// A disk on a virtio-scsi controller.
        VirtioScsi = "virtio-scsi",
        /// NVMe.
        Nvme = "nvme",
        /// A SATA disk on the AHCI controller.
        Sata = "sata",
    }
}

impl FirmwareKind {
    /// `uefi` or `bios`: what the guest can tell, and conditions name.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Uefi | Self::UefiSecure => Self::Uefi.name(),
            Self::Bios => Self::Bios.name(),
        }
    }
}
