#!/bin/bash
# The short forms of scripts/crash-client.
crash="$(dirname "${BASH_SOURCE[0]}")/../../scripts/crash-client" status=0
"$crash" --seconds 8 || status=1
for options in --supervised '--cache-disk ext2' '--cache-disk xfs'; do
  "$crash" --seconds 2 $options || status=1
done
exit $status
