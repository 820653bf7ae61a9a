#!/bin/bash
# The demo in containers, where a docker engine answers and has the images that the Dockerfile starts from (tests/containers/base-images makes them).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

skip() { echo "skip containers: $*"; exit 0; }

if docker compose version >/dev/null 2>&1; then compose=(docker compose); elif command -v docker-compose >/dev/null; then compose=(docker-compose); else skip 'there is no docker compose'; fi
if "${compose[@]}" -f "$root/docker-compose.yml" config -q; then echo 'ok compose-file'; else echo 'not ok compose-file: it is refused'; fi
timeout 20 docker info >/dev/null 2>&1 || skip 'no docker engine answers'
while read -r image; do
  docker image inspect "$image" >/dev/null 2>&1 || skip "there is no image $image"
done < <(sed -nE 's/^FROM ([^ ]+).*/\1/p' "$root/Dockerfile")
docker build --network=none -q -t afs "$root" >/dev/null
"$root/scripts/demo" | sed -u 's/^   ✓ /ok /; s/^   ✗ /not ok /'
