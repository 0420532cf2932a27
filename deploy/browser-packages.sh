#!/bin/sh
# Debian's Chromium, for tests that open pages in a browser and for `make pictures`, which also makes its pictures small with
# pngquant. Does nothing where both are there.
set -eu
missing=""
for package in chromium pngquant; do
    command -v "$package" >/dev/null 2>&1 || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "missing:$missing; run as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # names of packages, with spaces between
apt-get install -y -qq --no-install-recommends $missing >/dev/null
