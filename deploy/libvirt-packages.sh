#!/bin/sh
# What real machines need on Debian: as root it is installed, otherwise what is missing is named; run anew it changes nothing.
#   remote   what a worker needs to speak to a libvirt on another host, once the binding is built (the image for Docker)
#   build    only what the Python binding is built from (CI of the unit tests, a worker that speaks to a remote libvirt)
#   host     also the hypervisor and the tools for disks and their signatures (default)
#   guest    also what the tiny guest of tests and demo is made with
set -eu

remote="libvirt0 openssh-client gpgv"
build="libvirt-dev pkg-config gcc libc6-dev python3-dev"
host="gpgv qemu-system-x86 qemu-utils seabios libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients"
guest="syslinux syslinux-common busybox-static cpio mtools dosfstools fdisk"

case "${1:-host}" in
  remote) wanted=$remote ;;
  build) wanted=$build ;;
  host) wanted="$build $host" ;;
  guest) wanted="$build $host $guest" ;;
  *) echo "usage: $0 [remote|build|host|guest]" >&2; exit 2 ;;
esac

missing=""
for package in $wanted; do
  dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "these Debian packages are missing; install them with:" >&2
  echo "  sudo apt-get install --no-install-recommends$missing" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# shellcheck disable=SC2086  # one word each
apt-get -qq install --yes --no-install-recommends $missing >/dev/null
# libvirt looks this user up even where guests run as another; only the package for systemd makes it.
case "${1:-host}" in remote | build) exit 0 ;; esac
if ! getent passwd libvirt-qemu >/dev/null; then
  adduser --system --group --no-create-home --home /var/lib/libvirt libvirt-qemu >/dev/null
fi
