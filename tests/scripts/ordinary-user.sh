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

check user-mounts as_user "$venus" mount "$server" "$own/mnt" --cache "$own/cache"
check user-has-a-daemon has_daemon
check user-works works_there
check root-client-sees-it grep -q text "$work/root/free/moved/file"
check user-is-refused-elsewhere sh -c '! setpriv --reuid=65534 --regid=65534 --clear-groups touch "$1/closed/file" 2>/dev/null' sh "$own/mnt"
check others-stay-out sh -c '! ls "$1" 2>/dev/null' sh "$own/mnt"
check user-sees-status as_user "$venus" status "$own/mnt"
check user-unmounts as_user "$venus" unmount "$own/mnt"
check all-of-it-is-gone is_gone
exit $status
