#!/bin/bash
# The short form of scripts/crash-disk.
exec "$(dirname "${BASH_SOURCE[0]}")/../../scripts/crash-disk" --rounds 1
