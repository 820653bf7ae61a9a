#!/bin/bash
# scripts/run as a user meets it: it mounts, Ctrl-C unmounts, a second run finds the data, a second client mounts as it says.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"
up_timeout_s=300 end_timeout_s=60
port=$(free_port)
run_pid=''

# A job of its own, as a terminal gives it: Ctrl-C is SIGINT to its process group.
begin_run() {
  set -m
  "$root/scripts/run" --data "$work/data" --mount "$work/mnt" --listen "127.0.0.1:$port" >"$work/$1.log" 2>&1 </dev/null &
  run_pid=$!
  set +m
  within "$up_timeout_s" says_so_or_ended "$work/$1.log" && is_mounted "$work/mnt"
}

says_so_or_ended() { grep -q '^Ctrl-C unmounts' "$1" || ended "$run_pid"; }

ends_by_interrupt() {
  kill -INT -- "-$run_pid"
  within "$end_timeout_s" ended "$run_pid" || { echo 'it does not end'; kill -KILL -- "-$run_pid"; return 1; }
  wait "$run_pid"
  local code=$?
  run_pid=''
  [ "$code" = 0 ] || { echo "exit code $code"; return 1; }
}

gone() {
  is_mounted "$work/mnt" && { echo 'still mounted'; return 1; }
  answers "127.0.0.1:$port" && { echo 'the server still listens'; return 1; }
  pgrep -f -- "$work/" >"$work/left" && { echo "left: $(tr '\n' ' ' <"$work/left")"; return 1; }
  return 0
}

interrupt_leftover() { [ -z "$run_pid" ] || kill -INT -- "-$run_pid" 2>/dev/null && within "$end_timeout_s" ended "$run_pid"; }
trap 'interrupt_leftover; finish' EXIT

need begin_run first
ok mounts
check is-a-filesystem sh -c 'mkdir "$1/d" && echo text >"$1/d/f" && ln -s d "$1/link" && [ "$(cat "$1/link/f")" = text ]' sh "$work/mnt"
refused address-in-use 1 'already listens' timeout 60 "$root/scripts/run" --data "$work/other" --mount "$work/other-mnt" --listen "127.0.0.1:$port"
check ctrl-c-ends-it ends_by_interrupt
check ctrl-c-leaves-nothing gone

need begin_run second
ok mounts-again
check second-run-finds-the-data sh -c '[ "$(cat "$1/link/f")" = text ]' sh "$work/mnt"

# The two commands that it prints, with folders of this test.
said=$(grep -E '^ +[^ ]+ (mount|unmount) ' "$work/second.log" | sed "s|/mnt/second|$work/second|; s|/var/cache/second|$work/second.cache|")
mkdir "$work/second"
check second-client-mounts-as-said sh -c "$(sed -n 1p <<<"$said")"
check second-client-sees-it sh -c '[ "$(cat "$1/d/f")" = text ] && echo more >"$1/d/g"' sh "$work/second"
check first-client-sees-the-second sh -c '[ "$(cat "$1/d/g")" = more ]' sh "$work/mnt"
check second-client-unmounts-as-said sh -c "$(sed -n 2p <<<"$said")"
check ctrl-c-ends-it-again ends_by_interrupt
check ctrl-c-leaves-nothing-again gone
exit $status
