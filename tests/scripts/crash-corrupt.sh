#!/bin/bash
# The short form of scripts/crash-corrupt.
exec "$(dirname "${BASH_SOURCE[0]}")/../../scripts/crash-corrupt" --rounds 1
