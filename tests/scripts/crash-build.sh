#!/bin/bash
# The short form of scripts/crash-build.
exec "$(dirname "${BASH_SOURCE[0]}")/../../scripts/crash-build" --restarts 3 --modules 20
