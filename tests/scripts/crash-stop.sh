#!/bin/bash
# The short form of scripts/crash-stop.
exec "$(dirname "${BASH_SOURCE[0]}")/../../scripts/crash-stop" --rounds 1 --lease 2
