#!/bin/bash
# The POSIX cases on the local disk as control, then on a mount, with passthrough and with the daemon serving the data.
# On ext4 every case passes. Where the local disk is of another kind, what fails there is not asked of the mount.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/scripts/lib/output.sh"
. "$root/scripts/lib/daemons.sh"

run_timeout_s=430 case_timeout_s=150
work=$(mktemp -d "${TMPDIR:-/tmp}/posix-mount.XXXXXX")
status=0

trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM HUP

# run_list NAME DIR: the list in a directory; NAME goes before each case's.
run_list() {
  timeout -k 10 "$run_timeout_s" "$root/tests/posix/run" --timeout-s "$case_timeout_s" "$2" >"$work/$1.out" 2>&1 </dev/null
  grep -qE '^[0-9]+ passed, [0-9]+ failed$' "$work/$1.out" || echo "not ok list-ends: $(tail -n 1 "$work/$1.out")" >>"$work/$1.out"
  sed -nE 's/^not ok ([^:]+):.*/\1/p' "$work/$1.out" >"$work/$1.failed"
}

# report NAME EXCUSED: its lines; a failure that is in the file EXCUSED becomes a skip.
report() {
  while IFS= read -r line; do
    case $line in
      'ok '*) echo "ok $1/${line#ok }" ;;
      'not ok '*)
        line=${line#not ok }
        if grep -qxF -- "${line%%:*}" "$2"; then echo "skip $1/$line"; else echo "not ok $1/$line"; status=1; fi ;;
    esac
  done <"$work/$1.out"
}

# What the modes are excused from is known when the control ends, which is long before they do.
run_control() {
  mkdir "$work/local"
  run_list control "$work/local"
  cp "$work/control.failed" "$work/excused.now"
  [ "$(stat -f -c %T "$work")" = ext2/ext3 ] && : >"$work/excused.now"
  mv "$work/excused.now" "$work/excused"
  report control "$work/excused"
  exit $status
}

# run_mode MODE: the whole list on a fresh mount of a server of its own; the mode goes before each name. In a process of its own.
run_mode() {
  local folder="$work/$1" vice_pid='' venus_pid=''
  mkdir "$folder" "$folder/mnt"
  trap '[ -z "$venus_pid" ] || stop_venus "$venus_pid" "$folder/mnt"; [ -z "$vice_pid" ] || stop_vice "$vice_pid"' EXIT
  if start_vice "$folder/data" "unix:$folder/vice.sock" "$folder/vice.log" &&
    start_venus "unix:$folder/vice.sock" "$folder/mnt" "$folder/cache" "$folder/venus.log" --io "$1" --suid --dev; then
    echo "ok $1/mount"
    run_list "$1" "$folder/mnt"
    within "$run_timeout_s" test -e "$work/excused"
    report "$1" "$work/excused"
  else
    tail -n 20 "$folder/vice.log" "$folder/venus.log"
    echo "not ok $1/mount"
    status=1
  fi
  exit $status
}

# All at once: the cases mostly wait for a disk.
declare -A running=()
(run_control) >"$work/control.report" 2>&1 &
running[control]=$!
for mode in passthrough daemon; do
  (run_mode "$mode") >"$work/$mode.report" 2>&1 &
  running[$mode]=$!
done
for run in control passthrough daemon; do
  wait "${running[$run]}" || status=1
  cat "$work/$run.report"
done
exit $status
