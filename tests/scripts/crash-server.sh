#!/bin/bash
# The short form of scripts/crash-server.
exec "$(dirname "${BASH_SOURCE[0]}")/../../scripts/crash-server" --seconds 8
