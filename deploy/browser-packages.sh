#!/bin/sh
# Debian's Chromium, for the test that opens Temporal's page in a browser. Does nothing where it is there.
set -eu
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "Chromium is not installed; run as root: apt-get install --no-install-recommends chromium" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium >/dev/null
