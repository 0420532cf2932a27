#!/bin/sh
# Makes the tiny guests that tests and demo boot, as qcow2 images of some 17 MiB each; needs neither root nor a mount.
#
#   deploy/tiny-guest.sh DIRECTORY
#
#   v1.qcow2      answers on port 8080
#   v2.qcow2      the same, newer
#   silent.qcow2  boots, and its service never answers
#   panic.qcow2   its kernel panics
#   other.qcow2   as v2, said to be v3
#
# A guest counts its boots, on its OS disk and on its data disk (which it formats only if it is blank), and answers
#   GET /          {"version": "v1", "os_boots": 1, "data_boots": 1, "name": "…"}   name: what its NoCloud seed says
#   GET /health    200
# An ACPI shutdown ends it. Where it has the channel of a guest agent, one answers there; told `test-hang`, never again. The packages that this needs: deploy/libvirt-packages.sh guest
set -eu
umask 022  # the modes of files in the guest are not those of whoever makes it

[ $# -eq 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
PATH="$PATH:/usr/sbin:/sbin"
mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Debian's cloud kernel, unpacked and not installed; kept for the next time.
kernel_package() {
  ls "$out"/linux-image-*.deb 2>/dev/null && return
  name=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
  [ -n "$name" ] || { echo "no cloud kernel is known to apt: run apt-get update" >&2; exit 1; }
  (cd "$out" && apt-get -qq download "$name")
  ls "$out"/linux-image-*.deb
}
dpkg -x "$(kernel_package | head -n 1)" "$work/kernel"
release=$(ls "$work/kernel/lib/modules")
modules="$work/kernel/lib/modules/$release/kernel"

root="$work/root"
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/os" "$root/data" "$root/seed" "$root/lib" \
  "$root/www" "$root/var/log" "$root/var/run" "$root/etc/acpi/PWRF"
cp "$(command -v busybox)" "$root/bin/busybox"
for path in \
  drivers/virtio/virtio_ring drivers/virtio/virtio drivers/cdrom/cdrom drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci \
  drivers/block/virtio_blk net/core/failover drivers/net/net_failover drivers/net/virtio_net \
  fs/fat/fat fs/fat/vfat fs/nls/nls_cp437 fs/nls/nls_ascii fs/isofs/isofs drivers/acpi/button drivers/input/evdev \
  drivers/char/virtio_console; do
  # What is missing is built into this kernel.
  found=$(ls "$modules/$path.ko" "$modules/$path.ko.xz" 2>/dev/null | head -n 1)
  [ -n "$found" ] || continue
  name=$(basename "$path")
  case "$found" in
    *.xz) xz -dc "$found" >"$root/lib/$name.ko" ;;
    *) cp "$found" "$root/lib/$name.ko" ;;
  esac
  echo "$name" >>"$root/lib/order"
done

cat >"$root/etc/dhcp" <<'DHCP'
#!/bin/busybox sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
/bin/busybox ip addr flush dev eth0
/bin/busybox ip addr add "$ip/${mask:-24}" dev eth0
[ -z "${router:-}" ] || /bin/busybox ip route replace default via "${router%% *}"
DHCP

cat >"$root/etc/acpi/PWRF/00000080" <<'ACPI'
#!/bin/busybox sh
/bin/busybox umount /os /data
/bin/busybox sync
/bin/busybox poweroff -f
ACPI

cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
exec >/dev/ttyS0 2>&1
while read -r module; do insmod "/lib/$module.ko"; done </lib/order
version=$(cat /etc/version)

count() {  # a boot more in the file
  boots=$(($(cat "$1" 2>/dev/null || echo 0) + 1))
  echo "$boots" >"$1.new" && sync && mv "$1.new" "$1" && sync
  echo "$boots"
}
mount -t vfat /dev/vda1 /os && os_boots=$(count /os/boots)
data_boots=0
if [ -b /dev/vdb ]; then
  # Blank means: the first MiB is all zero.
  [ "$(head -c 1048576 /dev/vdb | tr -d '\0' | wc -c)" -ne 0 ] || mkdosfs -n DATA /dev/vdb
  mount -t vfat /dev/vdb /data && data_boots=$(count /data/boots)
fi
name=""
for disk in /dev/vd[b-z]; do
  mount -t iso9660 -o ro "$disk" /seed 2>/dev/null || continue
  name=$(sed -n 's/^#name //p' /seed/user-data 2>/dev/null)
  break
done
printf '{"version": "%s", "os_boots": %d, "data_boots": %d, "name": "%s"}\n' \
  "$version" "$os_boots" "$data_boots" "$name" >/www/index.html
echo ok >/www/health
agent() {  # speaks as much of QEMU's guest agent as a ping takes
  while :; do
    while read -r line; do
      id=${line##*\"id\":}
      case "$line" in
        *guest-sync-delimited*) printf '\377{"return": %s}\n' "${id%%\}*}" ;;
        *guest-sync*) printf '{"return": %s}\n' "${id%%\}*}" ;;
        *guest-ping*) echo '{"return": {}}' ;;
        *test-hang*) while :; do sleep 3600; done ;;
        *) echo '{"error": {"class": "CommandNotFound", "desc": "it is not known here"}}' ;;
      esac
    done
    sleep 1  # nobody listens on the other side
  done
}
for port in /sys/class/virtio-ports/*; do
  [ "$(cat "$port/name" 2>/dev/null)" != org.qemu.guest_agent.0 ] || agent <>"/dev/${port##*/}" >&0 &
done
[ "$version" != panic ] || echo c >/proc/sysrq-trigger
acpid -c /etc/acpi
ip link set lo up
ip link set eth0 up
udhcpc -i eth0 -s /etc/dhcp -b -t 20 -T 1
[ "$version" = silent ] || httpd -p 8080 -h /www
echo "guest $version is up, boot $os_boots of its OS disk, $data_boots of its data disk"
while :; do sleep 3600; done
INIT
chmod +x "$root/init" "$root/etc/dhcp" "$root/etc/acpi/PWRF/00000080"

make_image() {
  echo "$2" >"$root/etc/version"
  (cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc | gzip -1) >"$work/initrd"
  cat >"$work/syslinux.cfg" <<'BOOT'
DEFAULT linux
LABEL linux
  KERNEL vmlinuz
  APPEND initrd=initrd console=ttyS0 no_timer_check panic=0 quiet
BOOT
  rm -f "$work/disk"
  truncate -s 40M "$work/disk"
  printf 'start=2048, type=e, bootable\n' | sfdisk --quiet "$work/disk"
  dd if=/usr/lib/syslinux/mbr/mbr.bin of="$work/disk" bs=440 count=1 conv=notrunc status=none
  part="$work/disk@@1M"
  mkfs.vfat -F 16 -n OS --offset 2048 "$work/disk" 39936 >/dev/null
  syslinux --offset 1048576 --install "$work/disk"
  mcopy -i "$part" "$work/kernel/boot/vmlinuz-$release" ::vmlinuz
  mcopy -i "$part" "$work/initrd" ::initrd
  mcopy -i "$part" "$work/syslinux.cfg" ::syslinux.cfg
  qemu-img convert -q -f raw -O qcow2 -c "$work/disk" "$out/$1.qcow2.new"
  mv "$out/$1.qcow2.new" "$out/$1.qcow2"
}

make_image v1 v1
make_image v2 v2
make_image silent silent
make_image panic panic
make_image other v3
