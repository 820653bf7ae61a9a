#!/bin/bash
# A file that is still mapped for writing after its close: what the mapping writes is at the other client within seconds, or at munmap and msync with --io daemon,
# whatever happens meanwhile: eviction, a newer version, minutes of idle, the death of the daemon, a take-over.
# For longer: tests/scripts/mapped-writes.sh [--idle SECONDS] [--io passthrough|daemon]...
set -u
idle=20 modes=()
while [ $# -gt 0 ]; do
  case $1 in
    --idle) idle=$2 ;;
    --io) modes+=("$2") ;;
    *) sed -n '2,4s/^# //p' "$0"; exit 2 ;;
  esac
  shift 2
done
if [ ${#modes[@]} != 1 ]; then
  # All at once, each in a cell of its own: they mostly wait.
  [ ${#modes[@]} -gt 0 ] || modes=(passthrough daemon)
  status=0 running=()
  for mode in "${modes[@]}"; do
    "$0" --idle "$idle" --io "$mode" &
    running+=($!)
  done
  for pid in "${running[@]}"; do wait "$pid" || status=1; done
  exit $status
fi
mode=${modes[0]}
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"
# What is killed would leave the runtime's sockets behind.
export DOTNET_EnableDiagnostics=0
mapper_program="$root/tests/stress/mapped_writer.py"
seconds=15   # "Within seconds", on a machine that is busy.
length=8192

# map_file NAME: makes a file of zeros at client a, and maps it there in a process of its own that has it closed.
map_file() {
  file=$1
  head -c $length /dev/zero >"$work/a/$file" || return
  coproc mapper { exec python3 "$mapper_program" "$work/a/$file" 2>&1; }
  mapper_pid=$mapper_PID
  answered
}

answered() {
  local answer
  read -r -t 60 answer <&"${mapper[0]}" && [ "$answer" = done ] || { echo "the mapping process said '${answer:-nothing}'"; return 1; }
}

tell() { echo "$*" >&"${mapper[1]}" && answered; }

unmap_file() {
  local pid=$mapper_pid
  tell end
  wait "$pid" 2>/dev/null
  true
}

holds() { [ "$(dd if="$1" bs=1 skip="$2" count="${#3}" status=none 2>/dev/null | tr '\0' 0)" = "$3" ]; }

# arrives OFFSET TEXT: at the other client.
arrives() { within $seconds holds "$work/b/$file" "$1" "$2" || { echo "$2 did not arrive"; return 1; }; }

# written OFFSET TEXT: by the mapping; at the other client within seconds where the daemon can know of it, else after msync().
written() {
  tell write "$1" "$2" || return
  [ "$mode" = passthrough ] || tell sync || return
  arrives "$1" "$2"
}

evict() {
  local i
  for i in $(seq 30); do
    head -c 1000000 /dev/urandom >"$work/b/filler$i" && cat "$work/a/filler$i" >/dev/null || return
  done
}

goes_on() {
  map_file goes-on && written 0 first && written 2 second && written 5000 third && unmap_file
}

msync_stores() {
  map_file msync && tell write 0 synced && tell sync && arrives 0 synced && unmap_file
}

munmap_stores() {
  map_file munmap && tell write 0 unmapped && unmap_file && arrives 0 unmapped
}

outlives_eviction() {
  map_file evicted && evict && written 0 evicted && evict && written 100 again && unmap_file && holds "$work/a/$file" 100 again
}

outlives_idle() {
  map_file idle && sleep "$idle" && written 0 idle && unmap_file
}

outlives_a_newer_version() {
  map_file newer && sleep 3 && head -c $length /dev/zero | tr '\0' x >"$work/b/$file" && written 0 mine && unmap_file && within $seconds holds "$work/a/$file" 0 mine
}

# The connection of the mount is gone; a passthrough mapping writes to the cache's file all the same.
outlives_the_daemon() {
  map_file killed && written 0 before || return
  kill_now "${client_pids[a]}"
  timeout 10 umount -l "$work/a"
  tell write 10 between || return
  begin_client a --io "$mode" --cache-size 20M && within $seconds holds "$work/a/$file" 10 between && arrives 10 between || return
  tell write 20 after && arrives 20 after && unmap_file
}

daemon_of() { pgrep -P "${client_pids[a]}" -f ' mount-daemon|venus' | head -n 1; }

outlives_a_take_over() {
  stop_client a
  begin_client a --io "$mode" --cache-size 20M --supervised && map_file taken && written 0 before || return
  local before
  before=$(daemon_of)
  [ -n "$before" ] && kill -KILL "$before" || return
  [ "$mode" = daemon ] || tell write 10 between || return
  stat "$work/a" >/dev/null && written 20 after || return
  [ "$mode" = daemon ] || arrives 10 between || return
  evict && written 30 later && unmap_file
}

need begin_server
need begin_client a --io "$mode" --cache-size 20M
need begin_client b --io "$mode"
check "a-mapping-writes-on-$mode" goes_on
check "msync-$mode" msync_stores
check "munmap-stores-$mode" munmap_stores
check "a-mapping-outlives-eviction-$mode" outlives_eviction
check "a-mapping-outlives-a-newer-version-$mode" outlives_a_newer_version
check "a-mapping-outlives-${idle}-seconds-$mode" outlives_idle
[ "$mode" = daemon ] || check "a-mapping-outlives-the-daemon-$mode" outlives_the_daemon
check "a-mapping-outlives-a-take-over-$mode" outlives_a_take_over
exit $status
