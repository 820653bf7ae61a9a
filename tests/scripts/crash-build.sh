#!/bin/bash
# The short forms of scripts/crash-build.
crash="$(dirname "${BASH_SOURCE[0]}")/../../scripts/crash-build" status=0
"$crash" --restarts 3 --modules 20 || status=1
"$crash" --restarts 1 --modules 5 --supervised --cache-disk xfs || status=1
exit $status
