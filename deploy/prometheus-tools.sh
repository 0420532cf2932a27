#!/bin/sh
# promtool, for the tests of the alert rules and of the dashboard: out of Debian's package of Prometheus, whose server
# and service are not installed. Does nothing where it is there.
set -eu
command -v promtool >/dev/null 2>&1 && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "promtool is not installed; it comes with Prometheus. As root, this script takes it out of Debian's package" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# What is downloaded is checked against the signed lists, whoever downloads it.
apt-get update -qq
(cd "$folder" && apt-get -o APT::Sandbox::User=root download -qq prometheus)
dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb | tar -x -C "$folder" ./usr/bin/promtool
install -m 0755 "$folder/usr/bin/promtool" /usr/local/bin/promtool
promtool --version >/dev/null
