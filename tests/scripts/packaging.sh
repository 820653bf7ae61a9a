#!/bin/bash
# Units, manual pages, samples and mount.venus: they are well formed and know every option that the programs have.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"

# options PROGRAM COMMAND: the long names, from its help.
options() { "$1" "$2" --help | grep -oE '^ +(-[a-z?], )*--[a-z-]+|, --[a-z-]+' | grep -oE -- '--[a-z-]+' | grep -vx -- --help | sort -u; }

# manual_knows PAGE PROGRAM COMMAND...
manual_knows() {
  local page=$1 program=$2 command option missing=''
  shift 2
  [ $# -gt 2 ] || { echo "$program tells no commands"; return 1; }
  for command in "$@"; do
    grep -qwF -- "$command" "$root/packaging/man/$page" || missing="$missing $command"
    for option in $(options "$program" "$command"); do
      tr -d '\\' <"$root/packaging/man/$page" | grep -qE -- "$option($|[^a-z-])" || missing="$missing $command:$option"
    done
  done
  [ -z "$missing" ] || { echo "$page does not know$missing"; return 1; }
}

# commands PROGRAM: from its help.
commands() { "$1" --help | sed -n '/^Commands:/,$s/^  \([a-z]\+\) .*/\1/p'; }

# What stands in fstab: every option of a mount but those that are spelt otherwise there, or make no sense.
helper_knows() {
  local option missing=''
  for option in $(options "$venus" mount | grep -vxE -- '--(foreground|read-only)'); do
    sed -n '/^for option/,/^done/p' "$root/packaging/mount.venus" | grep -qE "(^|[ |])${option#--}(=|[ |)])" || missing="$missing ${option#--}"
    tr -d '\\' <"$root/packaging/man/mount.venus.8" | grep -qE -- "(^|[^a-z-])${option#--}($|[^a-z-])" || missing="$missing manual:${option#--}"
  done
  [ -z "$missing" ] || { echo "mount.venus does not know$missing"; return 1; }
}

# sample_knows FILE PROGRAM COMMAND NOT-FOR-FILES
sample_knows() {
  local option missing=''
  for option in $(options "$2" "$3" | grep -vxE -- "$4"); do
    grep -qE "^#?${option#--}:" "$root/packaging/config/$1" || missing="$missing ${option#--}"
  done
  [ -z "$missing" ] || { echo "$1 does not know$missing"; return 1; }
}

# Every line of a sample, those that are commented out too, is a configuration that the program takes.
sample_is_taken() {
  sed -E 's/^#([a-z-]+:)/\1/' "$root/packaging/config/vice.yaml" >"$work/all.yaml"
  (umask 077 && echo 'x-token: secret' >"$work/headers")
  sed -i -E "/^tls-/d; s|^otlp-headers-file:.*|otlp-headers-file: $work/headers|; s|^data:.*|data: $work/sample|; s|^ready-file:.*|ready-file: $work/ready|; s|127.0.0.1:7000|unix:$work/sample.sock|" "$work/all.yaml"
  "$vice" serve --config "$work/all.yaml" >"$work/sample.log" 2>&1 &
  local pid=$!
  within 20 test -s "$work/ready"
  local found=$?
  kill -TERM $pid
  wait $pid && [ $found = 0 ] || { cat "$work/sample.log"; return 1; }
}

# The same of a mount's sample: all that is wrong is where it shall be mounted.
whole_mount_sample() {
  sed -E "s/^#([a-z-]+:)/\1/; s|^server:.*|server: 127.0.0.1:1|; s|^mountpoint:.*|mountpoint: $work/none|; s|^cache:.*|cache: $work/none.cache|; s|^otlp-headers-file:.*|otlp-headers-file: $work/headers|" "$root/packaging/config/venus.yaml" >"$work/mount.yaml"
  refused sample-of-a-mount-is-taken 6 "$work/none does not exist" timeout 60 "$venus" mount --config "$work/mount.yaml"
}

page_is_clean() { [ -z "$(LC_ALL=C.UTF-8 MANWIDTH=100 man --warnings -l "$root/packaging/man/$1" 2>&1 >/dev/null)" ]; }

# The unit, with the programs of this build.
unit_is_valid() {
  sed "s|/usr/bin/vice|$vice|; s|/usr/bin/venus|$venus|" "$root/packaging/systemd/$1" >"$work/$1"
  [ -z "$(systemd-analyze verify --man=no "$work/$1" 2>&1 | grep -F "$work" | tee "$work/verify.out")" ] || { cat "$work/verify.out"; return 1; }
}

# exposed_at_most UNIT TENTHS: what systemd makes of the unit's sandbox, from 0 to 100; none may be taken away unseen.
exposed_at_most() { systemd-analyze security --no-pager --offline=yes --threshold="$2" "$root/packaging/systemd/$1" >"$work/exposed.out" 2>&1 || { tail -n 1 "$work/exposed.out"; return 1; }; }

# READY, then WATCHDOG, then STOPPING, as the service manager hears them.
manager_hears() {
  python3 - "$vice" "$work" <<'PY'
import os, signal, socket, subprocess, sys
vice, work = sys.argv[1:]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(work + "/notify")
manager.settimeout(30)
server = subprocess.Popen([vice, "serve", "--data", work + "/notified", "--listen", "unix:" + work + "/notified.sock"],
                          env=dict(os.environ, NOTIFY_SOCKET=work + "/notify", WATCHDOG_USEC="2000000"), stderr=subprocess.DEVNULL)
assert manager.recv(4096).startswith(b"READY=1\nSTATUS=serving")
assert manager.recv(4096) == b"WATCHDOG=1"
server.send_signal(signal.SIGTERM)
while (said := manager.recv(4096)) == b"WATCHDOG=1": pass
assert said == b"STOPPING=1", said
assert server.wait(30) == 0
PY
}

# The helper, with a venus that says what it was asked.
helper() { PATH_OVERRIDE=1 sh -c 'sed "s|^export PATH=.*||" "$1/packaging/mount.venus" >"$2/mount.venus"; shift 2; PATH=$PWD/fake:$PATH sh ./mount.venus "$@"' sh "$root" "$work" "$@"; }

mkdir "$work/fake"
printf '#!/bin/sh\necho "$*"\n' >"$work/fake/venus"
chmod +x "$work/fake/venus"
cd "$work" || exit 1
asked() { local expected=$1 said; shift; said=$(helper "$@" 2>&1); [ "$said" = "$expected" ] || { echo "asked for: $said"; return 1; }; }

check manual-knows-vice manual_knows vice.8 "$vice" $(commands "$vice")
check manual-knows-venus manual_knows venus.8 "$venus" $(commands "$venus")
check manual-knows-afs manual_knows afs.1 "$afs" $(commands "$afs")
check helper-knows-the-options helper_knows
check sample-knows-vice sample_knows vice.yaml "$vice" serve --config
check sample-knows-venus sample_knows venus.yaml "$venus" mount --config
check sample-is-taken sample_is_taken
whole_mount_sample
refused unknown-key-names-nearest 2 "did you mean 'listen'?" "$vice" serve --config <(echo 'lisen: here')
refused unknown-key-in-mount 15 "did you mean 'cache-size'?" "$venus" mount --config <(echo 'cachesize: 1G')
if command -v man >/dev/null; then
  for page in "$root"/packaging/man/*.[1-8]; do check "manual-$(basename "$page")" page_is_clean "$(basename "$page")"; done
else
  echo 'skip manual-pages: man is not installed'
fi
if command -v systemd-analyze >/dev/null; then
  check unit-vice unit_is_valid vice.service
  check unit-venus unit_is_valid venus@.service
  check exposure-vice exposed_at_most vice.service 16
  check exposure-venus exposed_at_most venus@.service 55
else
  echo 'skip units: systemd-analyze is not installed'
fi
check manager-hears manager_hears
check helper-translates asked 'mount host:7000/root /mnt/x --cache-size 5G --cache /c' host:7000:/root /mnt/x -o rw,_netdev,cache-size=5G,cache=/c,x-systemd.automount
check helper-takes-unix asked 'mount unix:/run/s /mnt/x --read-only --cache /c' unix:/run/s /mnt/x -o ro,cache=/c
check helper-asks-for-set-ids asked 'mount host /mnt/x --suid --dev --cache /c' host:/ /mnt/x -o nosuid,suid,dev,cache=/c
check helper-takes-them-back asked 'mount host /mnt/x --noexec --cache /c' host:/ /mnt/x -o suid,nosuid,dev,nodev,noexec,cache=/c
check helper-without-volume asked 'mount host /mnt/x --config /etc/f' host:/ /mnt/x -o config=/etc/f
check helper-takes-no-option-for-a-server asked "mount.venus: '--config=/tmp/x:/' is no server" --config=/tmp/x:/ /mnt/x -o cache=/c
check helper-refuses asked "mount.venus: unknown option 'cachesize=5'; mount.venus(8) lists them" host:/ /mnt/x -o cachesize=5,cache=/c
check helper-is-sloppy asked 'mount host /mnt/x --cache /c' host:/ /mnt/x -s -o bogus,cache=/c
printf '#!/bin/sh\necho "mount $*"\n' >"$work/fake/mount"
chmod +x "$work/fake/mount"
check helper-remounts asked 'mount -i --options-mode ignore -o remount,ro,relatime /mnt/x' unix:/run/s/root /mnt/x -o ro,relatime,remount,user_id=0,group_id=0,default_permissions,allow_other
check helper-remounts-by-fstab asked 'mount -i --options-mode ignore -o remount,rw,nosuid /mnt/x' host:/ /mnt/x -o rw,nosuid,remount,_netdev,cache-size=5G
check helper-refuses-to-remount asked "mount.venus: unknown option 'cachesize=5'; mount.venus(8) lists them" host:/ /mnt/x -o remount,cachesize=5
check helper-fakes asked '' host:/ /mnt/x -f -o cache=/c
exit $status
