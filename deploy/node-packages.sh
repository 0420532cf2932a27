#!/bin/sh
# Node and npm for the tests with @azure/arm-compute, from Debian where they are missing; run anew it changes nothing.
set -eu

if command -v node >/dev/null && command -v npm >/dev/null; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "Node and npm are missing; install them with:" >&2
  echo "  sudo apt-get install --no-install-recommends nodejs npm" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --yes --no-install-recommends nodejs npm >/dev/null
