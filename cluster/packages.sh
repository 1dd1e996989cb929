#!/usr/bin/env bash
# The Debian packages that Frostline is built from, tested with and shown on: the one list.
#
#   bash cluster/packages.sh            installs those that are missing
#   bash cluster/packages.sh --slurm    and a Slurm for its test, which is skipped without it
#   bash cluster/packages.sh --simgrid  and SimGrid, for `frostline simulate` and `study --simulate`
#   bash cluster/packages.sh --list     prints them all
#   . cluster/packages.sh               gives packages_install to another script

packages_build=(
    build-essential cmake ninja-build pkg-config
    libopenmpi-dev openmpi-bin libopenblas-openmp-dev
    libyaml-dev libjansson-dev libxxhash-dev
    libjpeg62-turbo-dev libpng-dev zlib1g-dev
)
packages_test=(libcmocka-dev)                          # configuring stops without it
packages_extra=(dataset-fashion-mnist clang-format-14 iproute2 libhdf5-dev) # what needs them is skipped without them
# Installed by --slurm alone, for they bring daemons: a Slurm that tests/slurm.sh starts for itself. Its srun --mpi=pmix
# comes with slurm-wlm-basic-plugins; Debian's Open MPI is built with PMIx.
packages_slurm=(slurm-wlm munge)

# Installed by --simgrid alone, for they bring 150 MB of Boost.
packages_simgrid=(libsimgrid-dev)

packages_missing() {
    local package state
    for package in "$@"; do
        state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || state=
        [ "$state" = installed ] || printf '%s\n' "$package"
    done
}

# Runs a command as root: as we are, or through sudo (which asks only at a terminal).
packages_as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif sudo -n true 2>/dev/null; then
        sudo -n "$@"
    elif [ -t 0 ] && command -v sudo >/dev/null; then
        sudo "$@"
    else
        return 1
    fi
}

packages_get() {
    local get=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -y)
    packages_as_root true || return 1
    packages_as_root "${get[@]}" update ||
        echo "warning: apt-get update failed; trying with the lists there are" >&2
    packages_as_root "${get[@]}" install --no-install-recommends "$@"
}

# Installs what is missing. Fails, with the line to type, if something that the build needs stays
# missing; a missing extra is only noted.
packages_install() {
    local missing needed
    if ! command -v dpkg-query >/dev/null; then
        echo "note: not a Debian system; expecting the libraries of cluster/packages.sh to be there" >&2
        return 0
    fi
    mapfile -t missing < <(packages_missing "${packages_build[@]}" "${packages_test[@]}" "${packages_extra[@]}")
    [ "${#missing[@]}" -gt 0 ] || return 0
    echo "installing: ${missing[*]}" >&2
    packages_get "${missing[@]}" </dev/null >&2 && return 0

    mapfile -t needed < <(packages_missing "${packages_build[@]}" "${packages_test[@]}")
    mapfile -t missing < <(packages_missing "${missing[@]}")
    echo "to install what is missing, run as root:" >&2
    echo "  apt-get update && apt-get install --no-install-recommends -y ${missing[*]}" >&2
    if [ "${#needed[@]}" -gt 0 ]; then
        echo "error: packages are missing and could not be installed: ${needed[*]}" >&2
        return 1
    fi
    echo "note: going on without ${missing[*]}" >&2
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    if [ "$*" = --list ]; then
        printf '%s\n' "${packages_build[@]}" "${packages_test[@]}" "${packages_extra[@]}" "${packages_slurm[@]}" "${packages_simgrid[@]}"
        exit
    fi
    for option in "$@"; do
        case "$option" in
        --slurm) packages_extra+=("${packages_slurm[@]}") ;;
        --simgrid) packages_extra+=("${packages_simgrid[@]}") ;;
        *)
            echo "usage: bash cluster/packages.sh [--slurm] [--simgrid] | --list" >&2
            exit 2
            ;;
        esac
    done
    packages_install
fi
