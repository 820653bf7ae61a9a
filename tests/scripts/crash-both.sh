#!/bin/bash
# The short forms of scripts/crash-both.
crash="$(dirname "${BASH_SOURCE[0]}")/../../scripts/crash-both" status=0
"$crash" --seconds 8 || status=1
"$crash" --seconds 2 --supervised --cache-disk ext2 || status=1
exit $status
