#!/bin/bash
# An ordinary user mounts through fusermount3, works there and unmounts; nobody else gets in.
set -u
# In a mount namespace of its own, where everybody may open /dev/fuse, as distributions have it.
[ -n "${AFS_OWN_MOUNTS:-}" ] || AFS_OWN_MOUNTS=1 exec unshare -m --propagation private "$0"
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"

own=$work/own
as_user() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$own" DOTNET_CLI_HOME="$own" TMPDIR="$own" "$@"; }

let_users_mount() {
  mknod "$work/fuse" c 10 229 && chmod 666 "$work/fuse" && mount --bind "$work/fuse" /dev/fuse || return 1
  chmod 711 "$work" && chmod 666 "$work/vice.sock" && mkdir -p "$own/mnt" && chown -R 65534 "$own"
}

works_there() {
  as_user sh -ec 'cd "$1"; mkdir folder; echo text >folder/file; ln -s file folder/link; mv folder moved
    [ "$(cat moved/link)" = text ]; [ "$(stat -c %u moved/file)" = 65534 ]; chmod 600 moved/file' sh "$own/mnt/free"
}

has_daemon() { pgrep -u 65534 -f "$own/mnt" >/dev/null; }

is_gone() {
  ! grep -qF " $own/mnt " /proc/self/mountinfo || return 1
  for _ in $(seq 50); do
    has_daemon || return 0
    sleep 0.2
  done
  return 1
}

if ! command -v fusermount3 >/dev/null; then
  echo 'skip ordinary-user: fusermount3 is not installed'
  exit 0
fi
if ! setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$venus"; then
  echo "skip ordinary-user: an ordinary user can't read $venus"
  exit 0
fi
need begin_server
need let_users_mount
need begin_client root
mkdir -m 777 "$work/root/free"
mkdir -m 755 "$work/root/closed"

# What a user may not is said in one line, before anything is changed.
mkdir -m 755 "$work/of-root" && mkdir -m 700 "$work/secret"
user_mounts() { as_user timeout -k 5 60 "$venus" mount "$server" "$1" --cache "$2" --timeout 5 --log-level Error; }
refused user-mounts-not-on-what-is-not-his 11 "$work/of-root" user_mounts "$work/of-root" "$own/cache"
refused user-mounts-not-where-he-cannot-look 6 "$work/secret/mnt" user_mounts "$work/secret/mnt" "$own/cache"
refused user-has-no-cache-where-he-cannot-write 9 "$work/of-root/cache" user_mounts "$own/mnt" "$work/of-root/cache"
refused user-serves-nothing-that-is-not-his 3 "$work/of-root" as_user timeout 60 "$vice" serve --data "$work/of-root" --listen "unix:$own/vice.sock" --log-level Error
refused user-reads-no-configuration-of-others 15 "$work/secret/it.yaml" as_user "$venus" mount --config "$work/secret/it.yaml"
refused user-unmounts-nothing-of-others 12 'No venus is mounted' as_user "$venus" unmount "$work/root"

check user-mounts as_user "$venus" mount "$server" "$own/mnt" --cache "$own/cache"
check user-has-a-daemon has_daemon
check user-works works_there
check root-client-sees-it grep -q text "$work/root/free/moved/file"
check user-is-refused-elsewhere sh -c '! setpriv --reuid=65534 --regid=65534 --clear-groups touch "$1/closed/file" 2>/dev/null' sh "$own/mnt"
check others-stay-out sh -c '! ls "$1" 2>/dev/null' sh "$own/mnt"
check user-sees-status as_user "$venus" status "$own/mnt"
socket_is_his() {
  local socket
  socket=$(find "$own" -name '*.sock' -type s)
  [ "$(stat -c '%a %u' "$socket") $(stat -c '%a %u' "$(dirname "$socket")")" = '600 65534 700 65534' ] || { stat -c '%a %u %n' "$socket" "$(dirname "$socket")"; return 1; }
}
check user-socket-is-his-alone socket_is_his
check user-unmounts as_user "$venus" unmount "$own/mnt"
check all-of-it-is-gone is_gone
exit $status
