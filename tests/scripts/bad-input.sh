#!/bin/bash
# What goes wrong around the two daemons: each is said in one line with an exit code, or as an errno, and nothing is lost.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"

try_mount() { timeout -k 5 60 "$venus" mount "$1" "$work/try" --cache "$2" --foreground --timeout 2 --log-level Error; }
try_serve() { timeout -k 5 60 "$vice" serve --data "$1" --listen "$2" --log-level Error; }
hostile() { timeout 300 python3 "$root/tests/stress/hostile_peer.py" "$work/vice.sock" "$1"; }
holds() { [ "$(timeout 60 cat "$1" 2>&1)" = "$2" ] || { echo "$1 holds something else"; return 1; }; }

# put FILE MEBIBYTES: writes and closes it; prints the errno's name where that fails. Its checksum goes to $work.
put() {
  python3 -c "
import errno, hashlib, os, random, sys
data = random.Random(7).randbytes(int(sys.argv[2]) << 20)
open(sys.argv[3], 'w').write(hashlib.sha256(data).hexdigest())
try:
    descriptor = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o644)
    at = 0
    while at < len(data): at += os.write(descriptor, data[at:at + (1 << 20)])
    os.close(descriptor)
except OSError as error:
    print(errno.errorcode[error.errno])
" "$1" "$2" "$work/$(basename "$1").sum"
}

has_sum() { [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$(cat "$work/$(basename "$1").sum")" ]; }

# says TEXT COMMAND...: the command prints that, and nothing else.
says() {
  local expected=$1 said
  shift
  said=$("$@" 2>&1)
  [ "$said" = "$expected" ] || { echo "'$said', not '$expected'"; return 1; }
}

# fails_with TEXT COMMAND...: it fails and says why.
fails_with() {
  local text=$1
  shift
  "$@" >"$work/fails.out" 2>&1 && { echo 'it succeeds'; return 1; }
  grep -qF -- "$text" "$work/fails.out" || { cat "$work/fails.out"; return 1; }
}

addresses_and_folders() {
  mkdir -p "$work/try" "$work/read-only"
  refused address-nonsense 4 'nowhere:port:what' try_mount nowhere:port:what "$work/try.cache"
  refused host-unknown 3 "can't be reached" try_mount nosuchhost.invalid:7000 "$work/try.cache"
  refused server-absent 3 "can't be reached" try_mount 127.0.0.1:1 "$work/try.cache"
  refused volume-unknown 5 'no volume' timeout 60 "$venus" mount "$server" "$work/try" --volume nosuch --cache "$work/try.cache" --foreground --log-level Error
  refused listen-nonsense 3 'what' try_serve "$work/other" 'nowhere:port:what'
  refused address-in-use 3 "$server" try_serve "$work/other" "$server"
  refused data-in-use 3 'in use by another vice' try_serve "$work/data" "unix:$work/other.sock"
  refused cache-in-use 8 "${client_pids[a]}" try_mount "$server" "$work/a.cache"
  mount -t tmpfs -o ro,size=1m none "$work/read-only"
  refused cache-read-only 9 "$work/read-only" try_mount "$server" "$work/read-only"
  refused data-read-only 3 "$work/read-only" try_serve "$work/read-only" "unix:$work/other.sock"
  check mount-lives-on holds "$work/a/f" kept
}

damaged_database() {
  put "$work/a/damaged" 1
  stop_client a
  end_server
  cp -r "$work/data" "$work/saved"
  truncate -s $(($(stat -c %s "$work/data/metadata.db") / 2)) "$work/data/metadata.db"
  refused database-cut 3 'damaged' try_serve "$work/data" "$server"
  truncate -s 0 "$work/data/metadata.db"
  refused database-empty 3 'damaged' try_serve "$work/data" "$server"
  cp "$work/saved/metadata.db" "$work/data/metadata.db"
  check contents-untouched-by-refusals diff -r "$work/saved/content" "$work/data/content"
  rm -rf "$work/saved"
  need begin_server
  need begin_client a
  check database-restored has_sum "$work/a/damaged"
}

# A clean container of a daemon that did not end by itself is checked before its first use.
damaged_container() {
  local container
  put "$work/a/container" 1
  check container-cached has_sum "$work/a/container"
  # Until nobody can have it mapped for writing any more, a change of it would be taken for a write.
  sleep 12
  kill_now "${client_pids[a]}"
  timeout 10 umount -l "$work/a"
  container=$(find "$work/a.cache/containers" -type f -size 2048 | head -n 1)
  printf 'damage' | dd of="$container" bs=1 seek=70000 conv=notrunc status=none
  need begin_client a --force
  check damaged-container-is-fetched-again has_sum "$work/a/container"
}

# 4 of the 18 MiB are left to others, so 14 MiB are for the cache.
full_cache_disk() {
  put "$work/a/large" 20
  mkdir -p "$work/small.cache"
  mount -t tmpfs -o size=18m none "$work/small.cache"
  need begin_client small --cache-free 4M
  check full-cache-open-fails fails_with 'No space left' cat "$work/small/large"
  check full-cache-mount-lives-on holds "$work/small/f" kept
  check full-cache-writes-small-files sh -c 'echo text >"$1/small" && [ "$(cat "$1/small")" = text ]' sh "$work/small"
  mount -o remount,size=150m "$work/small.cache"
  check cache-with-room-again-opens has_sum "$work/small/large"
  stop_client small
}

# What processes have open costs the daemon no descriptors: many more can be open than it may open.
few_descriptors() {
  local real=$venus
  printf '#!/bin/sh\nulimit -n 1000\nexec setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource %s "$@"\n' "$real" >"$work/venus"
  chmod +x "$work/venus"
  venus=$work/venus
  need begin_client few
  check few-descriptors-open-many python3 -c '
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (2100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
opened = []
for i in range(2000):
    opened.append(os.open("%s/few-%d" % (sys.argv[1], i), os.O_CREAT | os.O_RDWR))
    os.write(opened[-1], b"text")
for file in opened:
    if os.pread(file, 10, 0) != b"text": sys.exit("not what was written")
for file in opened: os.close(file)
' "$work/few"
  check few-descriptors-live-on sh -c 'echo text >"$1/few-0" && [ "$(cat "$1/few-0")" = text ]' sh "$work/few"
  stop_client few
  venus=$real
}

full_server_disk() {
  check full-server-reaches-close says ENOSPC put "$work/a/too-large" 60
  check full-server-keeps-it-dirty says 1 figure a 's["dirtyFiles"]'
  check full-server-own-reader-sees-it has_sum "$work/a/too-large"
  check full-server-flush-fails fails_with venus "$venus" flush "$work/a"
  check full-server-serves-on holds "$work/b/f" kept
  mount -o remount,size=300m "$work/data"
  check server-with-room-again-flush timeout 120 "$venus" flush "$work/a"
  check server-with-room-again-nothing-dirty says 0 figure a 's["dirtyFiles"]'
  check server-with-room-again-second-client has_sum "$work/b/too-large"
}

hostile_peers() {
  for kind in garbage oversized cut never-reads; do
    check "peer-$kind" hostile "$kind"
    check "peer-$kind-server-lives-on" sh -c 'echo "$2" >"$1/a/peer" && [ "$(cat "$1/b/peer")" = "$2" ]' sh "$work" "$kind"
  done
  coproc holding { hostile half-open; }
  read -r -t 60 line <&"${holding[0]}"
  check peer-half-open-holds [ "$line" = holding ]
  check peer-half-open-server-lives-on sh -c 'echo open >"$1/a/peer" && [ "$(cat "$1/b/peer")" = open ]' sh "$work"
  check peer-half-open-client-mounts begin_client late
  local end=$holding_PID
  exec {holding[1]}>&-
  wait "$end"
  check server-memory-bounded [ "$(awk '/^VmHWM/ { print $2 }' "/proc/$vice_pid/status")" -lt 500000 ]
}

mkdir "$work/data"
mount -t tmpfs -o size=64m none "$work/data" || { not_ok bad-input 'cannot mount a tmpfs'; exit 1; }
need begin_server
need begin_client a
need begin_client b
echo kept >"$work/a/f"
addresses_and_folders
damaged_database
damaged_container
full_cache_disk
few_descriptors
full_server_disk
hostile_peers
for client in "${!client_pids[@]}"; do stop_client "$client"; done
end_server
check salvage-finds-nothing "$vice" salvage --data "$work/data"
check scrub-finds-nothing "$vice" scrub --data "$work/data"
exit $status
