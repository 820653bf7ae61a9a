#!/bin/bash
# The short form of scripts/crash-client.
exec "$(dirname "${BASH_SOURCE[0]}")/../../scripts/crash-client" --seconds 8
