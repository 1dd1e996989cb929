# shellcheck shell=bash
# Open MPI on one machine that may be a container: sourced by the scripts that start mpirun themselves.
# What is already set is left as it is.
if [ "$(id -u)" -eq 0 ]; then # mpirun refuses root unless told twice
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMPI_MCA_rmaps_base_oversubscribe="${OMPI_MCA_rmaps_base_oversubscribe-1}"       # ranks > cores
export OMPI_MCA_hwloc_base_binding_policy="${OMPI_MCA_hwloc_base_binding_policy-none}" # threads may spread
# Containers forbid reading another process's memory; plain shared memory works everywhere.
export OMPI_MCA_btl_vader_single_copy_mechanism="${OMPI_MCA_btl_vader_single_copy_mechanism-none}"
