#!/bin/sh
# Installs what is shipped and nothing else: the packages that requirements-run.txt names, their hashes checked, and Instar
# from the folder that this script is in. No pip, no tool of the tests; run anew it changes nothing.
#
#   deploy/install.sh FOLDER            all of it, as a virtual environment of Python in FOLDER
#   deploy/install.sh FOLDER packages   the packages alone (an image keeps them while only Instar changes)
#   deploy/install.sh FOLDER instar     Instar alone, into what `packages` made
#
# PYTHON is the Python to use (default: python3). WITH=libvirt adds what speaks to libvirt, here or on another host
# (requirements-libvirt.txt); its binding is built, which takes what `deploy/libvirt-packages.sh build` installs. Nothing of a
# registry is taken unchecked: what builds is locked too (requirements-build.txt, requirements-libvirt-build.txt).
set -eu

usage() {
  echo "usage: $0 FOLDER [packages|instar]" >&2
  exit 2
}
[ $# -ge 1 ] && [ $# -le 2 ] && [ -n "$1" ] || usage
case "${2:-all}" in all | packages | instar) ;; *) usage ;; esac
case "${WITH:-}" in
  "" | libvirt) ;;
  *) echo "WITH is libvirt, or not set" >&2; exit 2 ;;
esac

source=$(cd "$(dirname "$0")/.." && pwd)
folder=$1
python=${PYTHON:-python3}
if [ "${2:-all}" = instar ] && [ ! -x "$folder/bin/python" ]; then
  echo "$folder is no environment of Python: run $0 $folder packages first" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/tools"
pip() {
  "$work/tools/bin/pip" --quiet --disable-pip-version-check --no-cache-dir "$@"
}

if [ "${2:-all}" != instar ]; then
  "$python" -m venv --without-pip "$folder"
  pip --python "$folder/bin/python" install --require-hashes --requirement "$source/requirements-run.txt"
fi
if [ "${2:-all}" != instar ] && [ "${WITH:-}" = libvirt ]; then
  if ! pkg-config --exists libvirt 2>/dev/null; then
    echo "libvirt's binding cannot be built here: run deploy/libvirt-packages.sh build first" >&2
    exit 1
  fi
  pip install --require-hashes --requirement "$source/requirements-libvirt-build.txt"
  pip wheel --require-hashes --no-deps --no-build-isolation --wheel-dir "$work/wheels" \
    --requirement "$source/requirements-libvirt.txt"
  sed -n 's/^\([A-Za-z0-9._-]*==[^ ]*\) .*/\1/p' "$source/requirements-libvirt.txt" >"$work/names"
  pip --python "$folder/bin/python" install --no-deps --no-index --find-links "$work/wheels" --requirement "$work/names"
fi
if [ "${2:-all}" != packages ]; then
  pip install --require-hashes --requirement "$source/requirements-build.txt"
  pip wheel --no-deps --no-build-isolation --wheel-dir "$work" "$source"
  # By its name and not as a file: an installation should not remember a folder that is about to go.
  pip --python "$folder/bin/python" install --no-deps --no-index --find-links "$work" --force-reinstall instar
fi
