#!/bin/bash
# Random operations by several processes on each of two clients at once; then both mounts and the server agree.
# For longer: tests/scripts/two-clients.sh [--seconds N] [--processes N] [--seed N] [--io MODE]
set -u
seconds=20 processes=2 seed=1 mode=auto cached_files=1000
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=$2 ;;
    --processes) processes=$2 ;;
    --seed) seed=$2 ;;
    --io) mode=$2 ;;
    *) sed -n '2,3s/^# //p' "$0"; exit 2 ;;
  esac
  shift 2
done
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"

run_workers() {
  local workers=() client number
  mkdir "$work/a/tree" || return 1
  for client in a b; do
    for number in $(seq "$processes"); do
      timeout -k 5 $((seconds + 200)) python3 "$root/tests/stress/operations.py" --root "$work/$client/tree" --worker "$client$number" --seed "$seed" --seconds "$seconds" >"$work/$client$number.out" 2>&1 &
      workers+=($!:$client$number)
    done
  done
  for worker in "${workers[@]}"; do
    if wait "${worker%%:*}"; then
      echo "ok worker-${worker##*:}"
      tail -n 1 "$work/${worker##*:}.out"
    else
      grep -a . "$work/${worker##*:}.out"
      not_ok "worker-${worker##*:}" "$(grep -a 'seed' "$work/${worker##*:}.out" | tail -n 1)"
    fi
  done
}

make_files() { python3 -c "
import os, sys
os.mkdir(sys.argv[1])
for i in range(int(sys.argv[2])):
    with open('%s/%d' % (sys.argv[1], i), 'w') as file: file.write('file %d' % i)" "$work/a/many" "$cached_files"; }

# read_files: opens, reads and stats each, in the order of the directory.
read_files() { python3 -c "
import os, sys
found = sorted(os.listdir(sys.argv[1]), key=int)
assert len(found) == int(sys.argv[2]), len(found)
for name in found:
    with open(os.path.join(sys.argv[1], name)) as file: assert file.read() == 'file ' + name
    os.stat(os.path.join(sys.argv[1], name))" "$work/b/many" "$cached_files"; }

reads_without_a_call() {
  local before after
  before=$(calls b)
  read_files || return 1
  after=$(calls b)
  echo "$((after - before)) calls for $cached_files cached files"
  [ -n "$before" ] && [ "$before" = "$after" ]
}

need begin_server
need begin_client a --io "$mode"
need begin_client b --io "$mode"
run_workers
check nothing-dirty-on-a is_stored a
check nothing-dirty-on-b is_stored b
check contents-agree diff -r --no-dereference "$work/a/tree" "$work/b/tree"
check status-agrees python3 "$root/tests/stress/compare.py" "$work/a/tree" "$work/b/tree"
tail -n 1 "$work/check.out"

check files-made make_files
check files-read read_files
check cached-files-cost-no-call reads_without_a_call

stop_client a
stop_client b
end_server
check salvage-finds-nothing "$vice" salvage --data "$work/data"
check scrub-finds-nothing "$vice" scrub --data "$work/data"
exit $status
