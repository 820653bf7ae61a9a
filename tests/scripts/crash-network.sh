#!/bin/bash
# The short form of scripts/crash-network.
exec "$(dirname "${BASH_SOURCE[0]}")/../../scripts/crash-network" --seconds 1 --lease 1
