# lab-updates: lab with twenty packages more, for each of which the repository lab-planted has an update; one breaks a
# service. What `muster bisect --packages` must find.
# shellcheck shell=bash

# How its disk is made; what the two files define both, this one defines after it.
# shellcheck source=lab.sh
. "$LAB/variants/lab.sh"
# shellcheck source=../lib/derived.sh
. "$LAB/lib/derived.sh"

recipe_files() {
  echo variants/lab-updates.sh
  (cd "$LAB" && find updates -type f)
  derived_files
}

build_variant() {
  local root=$WORK/root version
  step "unpack the lab image" unpack_lab "$root"
  for version in 1 2; do step "build version $version of the packages" planted_rpms "$version" "$WORK/planted-$version"; done
  step "install version 1" install_planted "$root"
  step "make the disk" lab_disk "$root"
  derived_manifest "$(kernel_release "$root")" '"uefi", "uefi-secure-boot"' '"nocloud", "systemd-credentials"' >"$WORK/result/manifest.json"
}

# planted_rpms VERSION DIRECTORY: twenty packages of sixteen sources. The update of update-03 needs that of update-09; those of
# update-05 and update-12 need each other, since a library got another name; the other packages of a source need its first.
planted_rpms() {
  local number needs gives
  for number in 01 02 03 04 05 06 07 08 09 10 11 12 13; do
    needs='' gives=''
    case $number-$1 in
      03-2) needs='update-09 >= 2' ;;
      05-*) needs="libplanted.so.$1" ;;
      12-*) gives="libplanted.so.$1" ;;
    esac
    planted_source "$1" "$2" "planted-$number" "update-$number" "$needs" "$gives"
  done
  planted_source "$1" "$2" planted-core "update-core update-core-data update-core-tools" '' ''
  planted_source "$1" "$2" planted-net "update-net update-net-data update-net-tools" '' ''
  planted_source "$1" "$2" planted-agent '' '' '' --define 'is_agent 1'
}

# planted_source VERSION DIRECTORY SOURCE PACKAGES NEEDS GIVES [OPTION…]
planted_source() {
  local none='%{nil}' of_version=$1 to=$2 of=$3
  local packages=${4:-$none} needs=${5:-$none} gives=${6:-$none}
  shift 6
  rpmbuild -bb --quiet --define "_topdir $WORK/rpmbuild-updates" --define "_sourcedir $LAB/updates" --define "_rpmdir $to" \
    --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' --define '_buildhost lab' --define "source_name $of" \
    --define "update_version $of_version" --define "members $packages" --define "needs $needs" \
    --define "gives $gives" "$@" "$LAB/updates/update.spec" >"$WORK/rpmbuild-updates.log" 2>&1 || {
    tail -n 20 "$WORK/rpmbuild-updates.log" >&2
    die "rpmbuild failed for version $of_version of $of" "see images/lab/updates/update.spec"
  }
}

install_planted() {
  local root=$1
  [ "$(ls "$WORK/planted-1" | wc -l)" = 20 ] || die "not twenty packages were built" "see planted_rpms"
  mkdir "$root/srv/repo/planted" "$root/tmp/planted"
  cp "$WORK"/planted-1/*.rpm "$root/tmp/planted/"
  change_packages "$root" "the planted packages could not be installed" 'rpm -i --quiet /tmp/planted/*.rpm'
  rm -rf "$root/tmp/planted"
  cp "$WORK"/planted-2/*.rpm "$root/srv/repo/planted/"
  createrepo_c --quiet --no-database "$root/srv/repo/planted"
  printf '[lab-planted]\nname=muster lab 1, planted updates\nbaseurl=file:///srv/repo/planted\nenabled=0\ngpgcheck=0\n' \
    >"$root/etc/yum.repos.d/lab-planted.repo"
  [ -L "$root/etc/systemd/system/multi-user.target.wants/update-agent.service" ] ||
    die "update-agent.service is not enabled" "see %post in images/lab/updates/update.spec"
}
