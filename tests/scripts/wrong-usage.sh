#!/bin/bash
# What people type wrongly: each is told in one line on standard error, with an exit code, and changes nothing.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"

# wrong PROGRAM NAME TEXT ARGUMENT...: a wrong command line.
wrong() {
  local program=$1 name=$2 text=$3
  shift 3
  refused "$(basename "$program")-$name" 2 "$text" timeout 60 "$program" "$@"
}

# configured PROGRAM COMMAND NAME CODE TEXT LINES
configured() {
  printf '%b' "$6" >"$work/it.yaml"
  refused "$(basename "$1")-file-$3" "$4" "$5" timeout 60 "$1" "$2" --config "$work/it.yaml"
}

mount_at() {
  local place=$1
  shift
  timeout -k 5 60 "$venus" mount "$server" "$place" --cache "$work/try.cache" --timeout 2 --log-level Error "$@"
}

command_lines() {
  local program
  for program in "$vice" "$venus" "$afs"; do
    wrong "$program" no-command 'Which command?'
    wrong "$program" unknown-command "did you mean status?" statsu
    wrong "$program" unknown-option 'There is no option --jsno; did you mean --json?' status --jsno
    wrong "$program" unknown-option-with-value 'There is no option --colour.' status --colour=red
  done
  wrong "$venus" unknown-option-first 'There is no option --cachesize; did you mean --cache-size?' mount --cachesize 5G a "$work/x" --cache c
  wrong "$venus" too-many-arguments "'c' is one argument too many" mount a b c --cache x
  wrong "$venus" no-value 'Required argument missing' mount a b --cache
  wrong "$venus" size "'10Q' is no size" mount a b --cache x --cache-size 10Q
  wrong "$venus" mode 'auto, passthrough, daemon' mount a b --cache x --io fast
  wrong "$venus" number 'takes a whole number' mount a b --cache x --cache-files many
  wrong "$venus" range '--timeout must be from' mount a b --cache x --timeout -3
  wrong "$vice" required "'--data' is required" serve
  wrong "$vice" range '--lease-ms must be from' serve --data x --lease-ms -5
  wrong "$vice" together '--extract and --to go together' versions --data x --extract 1
  wrong "$vice" no-configuration-named "argument missing for option: '--config'" serve --data x --config
  wrong "$afs" range '--count must be from' watch -n 0 /
  wrong "$afs" size "'0' is no size" setcachesize 0
  refused afs-name-with-an-at 12 '@x is in no mount' "$afs" examine @x
}

configurations() {
  configured "$vice" serve unknown-key 2 "line 2: unknown option 'lisen'; did you mean 'listen'?" 'data: x\nlisen: a\n'
  configured "$vice" serve no-number 2 "line 1: 'abc' is no value for --lease-ms" 'lease-ms: abc\n'
  configured "$vice" serve range 2 'line 2: --lease-ms must be from' 'data: x\nlease-ms: 0\n'
  configured "$vice" serve list 2 "line 1: 'data' takes one value" 'data: [a, b]\n'
  configured "$vice" serve twice 2 'line 2' 'data: a\ndata: b\n'
  configured "$vice" serve not-yaml 2 'line 2' 'data: [\n'
  configured "$vice" serve no-mapping 2 'option: value' -- '- a\n'
  configured "$venus" mount truth 15 "line 4: 'read-only' is true or false, not 'yes'" "server: $server\nmountpoint: $work/x\ncache: c\nread-only: yes\n"
  configured "$venus" mount empty 15 "line 2: 'mountpoint' has no value" "server: $server\nmountpoint:\ncache: c\n"
  refused vice-file-missing 2 "$work/none.yaml" "$vice" serve --config "$work/none.yaml"
  refused vice-file-is-a-folder 2 'is a folder' "$vice" serve --config "$work"
  refused venus-file-missing 15 "$work/none.yaml" "$venus" mount --config "$work/none.yaml"
}

mount_points() {
  mkdir "$work/full" "$work/free"
  echo text >"$work/full/f"
  ln -s loop "$work/loop"
  refused mount-point-not-empty 6 'is not empty' mount_at "$work/full"
  check what-was-there-is-there grep -qx text "$work/full/f"
  refused mount-point-is-a-file 6 'is not a folder' mount_at "$work/full/f"
  refused mount-point-missing 6 'does not exist' mount_at "$work/none"
  refused mount-point-is-a-loop 6 'is no path of a folder' mount_at "$work/loop"
  refused mounted-already 8 'mounted there already' mount_at "$work/a"
  refused not-mounted 12 'No venus is mounted' "$venus" unmount "$work/free"
  refused log-cannot-be-written 1 "$work/none/log" mount_at "$work/free" --log-file "$work/none/log"
  check no-mount-without-its-log sh -c '! grep -qF " $1 " /proc/self/mountinfo' sh "$work/free"
}

# What a dead daemon leaves is said, and taken away only by --force. What it had not stored is stored by the next.
stale_mounts() {
  echo stored >"$work/a/stored"
  python3 -c 'import signal, sys; f = open(sys.argv[1], "w"); f.write("unsaved"); f.flush(); print("written", flush=True); signal.pause()' "$work/a/unsaved" >"$work/writes.out" &
  local writes=$!
  need within 60 grep -q written "$work/writes.out"
  kill_now "${client_pids[a]}"
  kill_now "$writes"
  refused stale-mount-is-said 7 '--force' timeout 60 "$venus" mount "$server" "$work/a" --cache "$work/a.cache"
  refused stale-unmount-is-said 7 '--force' timeout 60 "$venus" unmount "$work/a"
  refused stale-is-no-mount-to-ask 12 'has ended' timeout 60 "$afs" status "$work/a"
  check stale-mount-goes-by-force timeout 60 "$venus" mount "$server" "$work/a" --cache "$work/a.cache" --force
  client_pids[a]=$(figure a 's["processId"]')
  check stale-mount-lost-nothing-closed grep -qx stored "$work/a/stored"
  check stale-mount-lost-nothing-open grep -qx unsaved "$work/a/unsaved"
  kill_now "${client_pids[a]}"
  check stale-unmount-by-force timeout 60 "$venus" unmount "$work/a" --force
  check stale-unmount-leaves-nothing sh -c '! grep -qF " $1 " /proc/self/mountinfo' sh "$work/a"
  unset "client_pids[a]"
}

# other_version PEER SOCKET: PEER is client: a client of version 9 prints what the server answers; server: one of version 9 that refuses, for 30 s.
other_version() {
  exec python3 - "$@" <<'PY' # In a subshell always, which it becomes: whoever ends that ends it.
import os, socket, struct, sys
peer, path = sys.argv[1:]
unix = socket.socket(socket.AF_UNIX)
unix.settimeout(30)
def frame(kind, content): return struct.pack('>IB', len(content) + 1, kind) + content
if peer == 'client':
    unix.connect(path)
    unix.sendall(frame(1, b'AFSR' + struct.pack('>HB', 9, 1) + os.urandom(16) + struct.pack('>Q', 0)))
    with unix.makefile('rb') as answer:
        length, kind = struct.unpack('>IB', answer.read(5))
        content = answer.read(length - 1)
    assert kind == 3 and content[0] == 1, (kind, content)
    print(content[3:].decode())
else:
    unix.bind(path + '.new')
    unix.listen()
    os.rename(path + '.new', path) # Whoever sees the name can connect.
    while True:
        try:
            connection, _ = unix.accept()
        except TimeoutError:
            break
        with connection:
            try:
                connection.recv(4096)
                connection.sendall(frame(3, struct.pack('>BH', 1, 9) + b'no'))
            except OSError:
                pass # A client may go before it is answered; the next one is answered all the same.
PY
}

versions() {
  local version
  version=$(sed -n 's/.*const ushort Current = \([0-9]*\);.*/\1/p' "$root/src/Shared/Rpc/Frames/Frames.cs")
  check client-of-another-version-is-told-both sh -c '[ "$1" = "this server speaks protocol version $2, the client version 9" ]' sh "$(other_version client "$work/vice.sock")" "$version"
  other_version server "$work/new.sock" &
  local pid=$!
  within 10 test -S "$work/new.sock"
  refused server-of-another-version-is-named 1 "the server speaks protocol version 9, this client speaks version $version" \
    timeout 60 "$venus" mount "unix:$work/new.sock" "$work/free" --cache "$work/try.cache" --log-level None
  refused status-of-another-version-is-named 1 "the server speaks protocol version 9, this client speaks version $version" timeout 60 "$vice" status --server "unix:$work/new.sock"
  kill "$pid"
  wait "$pid" 2>/dev/null
}

# The server's folder is read by commands that must not make one where there is none.
server_folders() {
  mkdir "$work/empty"
  local command
  for command in salvage scrub versions; do
    refused "$command-of-no-data" 3 "$work/empty holds no server's data" "$vice" "$command" --data "$work/empty"
    refused "$command-of-nothing" 3 "$work/none holds no server's data" "$vice" "$command" --data "$work/none"
  done
  check commands-make-no-data rmdir "$work/empty"
  refused salvage-of-what-runs 3 'in use' "$vice" salvage --data "$work/data"
  refused version-that-is-not-kept 1 'no version' "$vice" versions --data "$work/data" --extract 1.2.3 --to "$work/out"
  refused status-of-nobody 1 "can't be reached" "$vice" status --server "unix:$work/none.sock" --timeout-ms 500
  mkdir "$work/full-disk"
  mount -t tmpfs -o size=64k,mode=700 none "$work/full-disk"
  head -c 1M /dev/zero >"$work/full-disk/ballast" 2>/dev/null
  refused server-disk-full-at-start 3 'no room' timeout 60 "$vice" serve --data "$work/full-disk" --listen "unix:$work/other.sock" --log-level None
  refused cache-disk-full-at-mount 9 "$work/full-disk" timeout 60 "$venus" mount "$server" "$work/free" --cache "$work/full-disk/cache" --log-level None
}

# fits COMMAND...: its help is there, in lines of 100 columns at most.
fits() {
  timeout 60 "$@" --help >"$work/help.out" 2>&1 || { cat "$work/help.out"; return 1; }
  awk 'length($0) > 100 { print; wide = 1 } END { exit wide || NR < 3 }' "$work/help.out"
}

helps() {
  local program command script
  for program in "$vice" "$venus" "$afs"; do
    check "$(basename "$program")-help-fits" fits "$program"
    for command in $("$program" --help | sed -n '/^Commands:/,$s/^  \([a-z]*\) .*/\1/p'); do check "$(basename "$program")-$command-help-fits" fits "$program" "$command"; done
  done
  # bench, fuzz and simulate build before they answer.
  for script in "$root"/scripts/* "$root"/packaging/build-deb "$root"/packaging/verify-deb; do
    case $script in */lib | */bench | */fuzz | */simulate) continue ;; esac
    check "$(basename "$script")-help-fits" fits "$script"
    check "$(basename "$script")-refuses-what-it-does-not-know" ends_with 2 "$script" --nonsense
  done
}

ends_with() {
  local code=$1 ended
  shift
  timeout 60 "$@" >"$work/ended.out" 2>&1 </dev/null
  ended=$?
  [ $ended = "$code" ] || { echo "exit code $ended"; return 1; }
}

need begin_server
need begin_client a
command_lines
helps
configurations
mount_points
stale_mounts
versions
server_folders
exit $status
