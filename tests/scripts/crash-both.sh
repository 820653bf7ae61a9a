#!/bin/bash
# The short form of scripts/crash-both.
exec "$(dirname "${BASH_SOURCE[0]}")/../../scripts/crash-both" --seconds 8
