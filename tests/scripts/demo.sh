#!/bin/bash
# The demo on network namespaces: each claim is a test.
set -euo pipefail
"$(dirname "${BASH_SOURCE[0]}")/../../scripts/demo" --netns --lease 2 | sed -u "s/^   ✓ /ok /; s/^   ✗ /not ok /"
