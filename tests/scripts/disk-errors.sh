#!/bin/bash
# The server's disk fails at every write of the real SQLite, one after the other, once with EIO and once with ENOSPC: a change is refused or unanswered, or it holds; the server goes
# on or ends with its code, and its next life has all that was acknowledged. Then a content's fsync says EROFS, as after an aborted journal: nobody is told that it is stored.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"

most_operations=16   # A commit of this workload has less; who reaches the end of a commit stops before.
broken_code=4
library="$work/faulty_disk.so" control="$work/faults" server_code=0
EIO=5 ENOSPC=28 EROFS=30
acknowledged=()

# arm AT ERRNO PART [SYNCS]: the AT-th operation on a file with PART in its path fails; 0: none.
arm() { python3 -c "
import struct, sys
at, error, part, syncs = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].encode(), int(sys.argv[5])
with open(sys.argv[1], 'r+b') as f: f.write(struct.pack('=QQQQ64s', at, 0, error, syncs, part))
" "$control" "$1" "$2" "$3" "${4:-0}"; }

operations() { od -An -t u8 -j 8 -N 8 "$control" | tr -d ' '; }

serve() {
  in_host=(env "LD_PRELOAD=$library" "AFS_FAULTY_DISK=$control")
  rm -f "${server#unix:}"
  start_vice "$work/data" "$server" "$work/vice.log"
  local code=$?
  in_host=()
  return $code
}

# change NAME: a folder and a file in it.
change() { timeout 90 mkdir "$work/a/$1" && timeout 90 sh -c 'printf %s "$0" >"$1"' "$1" "$work/a/$1/file"; }

# one NAME: one change while the disk fails; a server that ended is started again. False: the server ended as it may not.
one() {
  change "$1" 2>>"$work/change.log" &
  local job=$!
  within 90 either_ended "$job"
  if ended "$vice_pid"; then
    wait "$vice_pid"
    server_code=$?
    arm 0 0 none
    [ "$server_code" = "$broken_code" ] || { echo "the server ended with $server_code"; return 1; }
    serve || { echo 'the server does not start again'; return 1; }
  fi
  if wait "$job"; then acknowledged+=("$1"); fi
}

either_ended() { ended "$1" || ended "$vice_pid"; }

# each_write ERRNO NAME
each_write() {
  local at
  for ((at = 1; at <= most_operations; at++)); do
    arm "$at" "$1" /metadata.db
    one "$2-$at" || return 1
    [ "$(operations)" -ge "$at" ] || [ "$server_code" = "$broken_code" ] || break
    server_code=0
    arm 0 0 none
  done
  [ "$at" -gt 3 ] || { echo "only $at operations were seen"; return 1; }
}

all_there() {
  local name
  for name in "${acknowledged[@]}"; do
    [ "$(timeout 60 cat "$work/b/$name/file")" = "$name" ] || { echo "$name is lost"; return 1; }
  done
  [ ${#acknowledged[@]} -gt 0 ] || { echo 'nothing was acknowledged'; return 1; }
}

store_is_refused() {
  arm 1 "$EROFS" /uploads/ 1
  head -c 300000 /dev/urandom >"$work/large"
  timeout 90 cp "$work/large" "$work/a/large" 2>"$work/cp.log" && { echo 'it was taken for stored'; return 1; }
  [ "$(operations)" -ge 1 ] || { echo 'no fsync was seen'; return 1; }
  arm 0 0 none
  within 60 cmp -s "$work/large" "$work/b/large" || { echo 'it is not stored once the disk is well'; return 1; }
}

command -v cc >/dev/null || { echo "skip disk-errors: there is no C compiler"; exit 0; }
need cc -shared -fPIC -O1 -o "$library" "$root/tests/stress/faulty_disk.c" -ldl
head -c 128 /dev/zero >"$control"
need serve
need begin_client a
check each-write-eio each_write "$EIO" eio
check each-write-enospc each_write "$ENOSPC" enospc
need begin_client b
check nothing-acknowledged-is-lost all_there
check erofs-of-fsync-is-no-success store_is_refused
stop_client b
stop_client a
end_server
check salvage-finds-nothing timeout 60 "$vice" salvage --data "$work/data"
check data-survives-as-acknowledged serve
need begin_client b
check nothing-is-lost-in-the-next-life all_there
exit $status
