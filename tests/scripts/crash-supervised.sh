#!/bin/bash
# The short form of scripts/crash-supervised.
exec "$(dirname "${BASH_SOURCE[0]}")/../../scripts/crash-supervised" --seconds 3
