# lab-next: the lab distribution made of what Debian's next release has: dnf5, rpm 6, SELinux enforcing, firewalld, chrony, auditd.
# shellcheck shell=bash

# How it is made; what the two files define both, this one defines after it.
# shellcheck source=lab.sh
. "$LAB/variants/lab.sh"
# shellcheck source=../next/next.sh
. "$LAB/next/next.sh"

# The release is not finished: what its packages are today, a build takes.
DEBIAN_RELEASE=forky
# The policy and its store are about 100 MiB more than lab has.
ROOT_MIB=2560

recipe_files() {
  echo variants/lab-next.sh
  echo variants/lab.sh
  echo lib/debian.sh
  echo lib/disk.sh
  (cd "$LAB" && find rpm-distribution next -type f ! -name '*.pyc')
}

build_variant() {
  local root=$WORK/root recipe=$WORK/recipe/rpm-distribution
  step "lay the recipe of lab-next over that of lab" compose_recipe "$WORK/recipe"
  # From here on the recipe is the composed one.
  LAB=$WORK/recipe
  step "install Debian packages" lab_root "$root"
  step "unpack the offered packages" extract_offered "$root" "$WORK/debs" "$WORK/extra"
  step "make the signing key" make_key "$WORK/key"
  step "put things where lab expects them" as_lab_expects "$root"
  step "list what is left out" list_dropped "$root" "$recipe/dropped"
  step "configure" configure_root "$root" "$recipe"
  step "configure what is new" configure_next "$root"
  install -D -m 644 "$WORK/key/public.asc" "$root/etc/pki/rpm-gpg/RPM-GPG-KEY-muster-lab"
  step "leave Debian's package tools out" drop_debian "$root" "$recipe/dropped" "$WORK/dpkg"
  step "write the spec" python3 -B "$recipe/spec.py" "$root" "$WORK/dpkg" "$WORK/extra" "$(overlay_with_key)" "$recipe/dropped" "$WORK/specs"
  step "build the rpms" build_rpms "$root" "$WORK/extra" "$WORK/specs" "$WORK/rpms"
  step "build the third-party rpms" build_isv "$recipe/isv" "$WORK/isv"
  step "build the rpms of variants" build_variants "$recipe/wsl" "$recipe/overlay/usr/lib/os-release" "$WORK/variants"
  step "sign the rpms" sign_rpms "$WORK/key" "$WORK/rpms" "$WORK/isv/1" "$WORK/isv/2" "$WORK/variants"
  step "make the repositories" make_repositories "$root" "$WORK/specs" "$WORK/rpms" "$WORK/isv" "$WORK/variants"
  step "fill the rpm database" fill_database "$root"
  step "check the distribution" check_distribution "$root"
  step "label the files" label_root "$root"
  step "make the disk" lab_disk "$root" "security=selinux"
  lab_manifest "$root" | sed 's/^  "variant": "lab",$/  "variant": "lab-next",/' >"$WORK/result/manifest.json"
}
