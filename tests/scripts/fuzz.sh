#!/bin/bash
# Each parser is given its corpus and a little more, by scripts/fuzz; and each planted error must be found.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
ulimit -c 0
exec dotnet "$root/artifacts/bin/Afs.Fuzz/release/fuzz.dll" --short --jobs "$(nproc)"
