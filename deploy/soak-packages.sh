#!/bin/sh
# What the soak can set clocks back with, on Debian: as root it is installed, otherwise that is said, and the soak goes on
# without. Run anew it changes nothing.
set -eu

missing() {
  ! dpkg-query --show --showformat='${db:Status-Status}' libfaketime 2>/dev/null | grep -qx installed
}

if missing && [ "$(id -u)" -eq 0 ]; then
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -qq update && apt-get -qq install --yes --no-install-recommends libfaketime >/dev/null; } || true
fi
if missing; then
  echo "no clock is set back in this soak: it needs the Debian package libfaketime" >&2
fi
