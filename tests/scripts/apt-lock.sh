#!/bin/bash
# Another process that has apt's locks is waited for, with one line that says so. With apt's folders in a place of their own: the machine's aren't touched.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/scripts/lib/output.sh"
. "$root/scripts/lib/packages.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/apt-lock.XXXXXX")
status=0
holder=''
trap '[ -z "$holder" ] || kill "$holder" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

command -v apt-get >/dev/null && command -v python3 >/dev/null || { echo 'skip apt-lock: it needs apt-get and python3'; exit 0; }

# check NAME COMMAND...: a line for what the command says.
check() {
  local name=$1
  shift
  if "$@"; then echo "ok $name"; else echo "not ok $name: $(head -c 300 "$work/said" | tr '\n' ' ')"; status=1; fi
}

# hold FILE SECONDS: locks it, as apt does, in a process of its own.
hold() {
  : >"$work/held"
  python3 -c 'import fcntl, sys, time; f = open(sys.argv[1], "w"); fcntl.lockf(f, fcntl.LOCK_EX); open(sys.argv[3], "w").write("held"); time.sleep(float(sys.argv[2]))' \
    "$1" "$2" "$work/held" &
  holder=$!
  until [ -s "$work/held" ] || ! kill -0 "$holder" 2>/dev/null; do sleep 0.1; done
}

mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/etc"
: >"$work/state/status"
: >"$work/etc/sources.list"
cat >"$work/apt.conf" <<CONF
Dir::State "$work/state";
Dir::State::status "$work/state/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/etc/sources.list";
Dir::Etc::sourceparts "$work/etc/none";
Dir::Log "$work";
CONF
export APT_CONFIG="$work/apt.conf"

apt_patiently update -qq >"$work/said" 2>&1
check free [ "$?" = 0 ]
check free-says-nothing [ ! -s "$work/said" ]

hold "$work/state/lists/lock" 5
apt_lock_wait_s=120
apt_patiently update -qq >"$work/said" 2>&1
check locked-is-waited-for [ "$?" = 0 ]
check locked-is-said-once [ "$(grep -c 'apt is locked; waiting' "$work/said")" = 1 ]
wait "$holder"

hold "$work/state/lists/lock" 60
apt_lock_wait_s=2
apt_patiently update -qq >"$work/said" 2>&1
check locked-for-too-long-fails [ "$?" != 0 ]
check locked-for-too-long-says-why grep -q 'Could not get lock\|Unable to lock' "$work/said"
kill "$holder"
wait "$holder" 2>/dev/null
holder=''

apt_patiently no-such-command >"$work/said" 2>&1
check another-failure-is-not-waited-for [ "$?" != 0 ]
check another-failure-says-nothing-of-locks [ "$(grep -c 'waiting' "$work/said")" = 0 ]
exit $status
