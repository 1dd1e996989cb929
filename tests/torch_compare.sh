#!/usr/bin/env bash
# Runs torch_compare.py with a Python that has torch: $FROSTLINE_PYTHON, or python3. Exit code 77: there is none.
: "${FROSTLINE:?set FROSTLINE to the program}"
here=$(cd "$(dirname "$0")" && pwd)
python=${FROSTLINE_PYTHON:-python3}
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "skipped: no torch (FROSTLINE_PYTHON names a Python that has it)"
    exit 77
fi
. "$here/../cluster/mpi-env.sh"
export OMP_NUM_THREADS=1 FROSTLINE
exec "$python" -B "$here/torch_compare.py" "$@"
