#!/bin/bash
# afs, the command for people, against two real mounts: what it shows, what it does, and what it refuses to whom.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"
. "$root/scripts/lib/packages.sh"
install_missing acl

# json EXPRESSION AFS-ARGUMENT...: of what the command prints with --json, as j.
json() {
  local expression=$1
  shift
  timeout 30 "$afs" "$@" --json | python3 -c "import json, os, sys; j = json.load(sys.stdin); print($expression)" "$work/"
}

# is WANTED EXPRESSION AFS-ARGUMENT...
is() {
  local wanted=$1 got
  shift
  got=$(json "$@")
  [ "$got" = "$wanted" ] || { echo "$got, not $wanted"; return 1; }
}

as_other() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$work/other" DOTNET_CLI_HOME="$work/other" TMPDIR="$work/other" "$@"; }

# begin_watch NAME AFS-ARGUMENT...: its lines go to NAME.changes.
begin_watch() {
  local name=$1
  shift
  "$afs" watch "$@" --json >"$work/$name.changes" 2>"$work/$name.errors" &
  watch_pid=$!
  within 20 grep -qs '"watching"' "$work/$name.changes"
}

end_watch() {
  kill -TERM "$watch_pid"
  wait "$watch_pid"
}

# told NAME KIND PATH [COUNT]: a watch has told it, so often; "some": once or more.
told() { within 30 told_now "$@"; }
told_now() {
  local count
  count=$(python3 -c "import json, sys
print(sum(1 for c in map(json.loads, open(sys.argv[1])) if c['kind'] == sys.argv[2] and c.get('path', '') == sys.argv[3]))" \
    "$work/$1.changes" "$2" "$3")
  if [ "${4:-1}" = some ]; then [ "$count" -gt 0 ]; else [ "$count" = "${4:-1}" ]; fi
}

# puts TEXT FILE: with one close, so that it is one store.
puts() { python3 -c 'import sys; open(sys.argv[2], "w").write(sys.argv[1] + "\n")' "$1" "$2"; }
fills() { python3 -c "import os, sys; open(sys.argv[1], 'wb').write(os.urandom(int(sys.argv[2])))" "$1" "$2"; }

need begin_server
need begin_client a
need begin_client b
a=$work/a b=$work/b
chmod 711 "$work"; mkdir -m 777 "$work/other"

mkdir "$a/d"; echo one >"$a/d/f"; fills "$a/d/large" 3000000
check status-of-both is 2 'sum(1 for m in j if m["mountPoint"].startswith(sys.argv[1]))' status
check status-connected is True 'j[0]["hasLease"] and j[0]["leaseLeftMs"] > 0 and "trouble" not in j[0]' status "$a/d"
check status-text sh -c '"$1" status "$2" | grep -q "hit rates  content"' sh "$afs" "$a"

# Not cached at b, until fetched: then an open costs no call.
check examine-not-cached is 'False True' 'j[0]["isCached"], j[0]["isPromised"]' 'examine' "$b/d/f"
check fetch-says-how-many is '2 3000004' 'str(j["files"]) + " " + str(j["doneBytes"])' fetch -r "$b/d"
check examine-cached is True 'j[0]["isCached"] and j[0]["isPromised"] and not j[0]["isDirty"] and j[0]["lengthBytes"] == 3000000' examine "$b/d/large"
before=$(calls b)
cat "$b/d/f" "$b/d/large" >/dev/null
check fetched-files-cost-no-call test "$(calls b)" = "$before"
refused fetch-folder-needs-recursive 2 '--recursive' "$afs" fetch "$b/d"
# on_terminal COMMAND: its output there, a line for each state of the bar.
on_terminal() { script -qec "stty cols 100; $1" /dev/null | tr '\r' '\n' >"$work/terminal"; }
bar_has() { on_terminal "$afs flush -r $b/bar; ${2:-} $afs fetch -r $b/bar" && grep -qaE "$1" "$work/terminal"; }
# The rate is shown while it runs, so it has to last a moment.
need sh -c 'mkdir "$1" && echo text >"$1/f" && head -c 1000000000 /dev/urandom >"$1/large"' sh "$b/bar"
check fetch-bar-has-rate-and-time-left bar_has '[012] of 2 files .* [0-9.]+ [KMG]?i?B/s .*[0-9]{2}:[0-9]{2}:[0-9]{2}'
check fetch-bar-ends-with-all grep -qaE '2 of 2 files' "$work/terminal"
check fetch-bar-has-colours bar_has $'\e\\[38;5;'
check fetch-bar-may-have-none sh -c '! grep -q "$1" "$2"' sh $'\e\\[38;5;' <(bar_has 2 NO_COLOR=1; cat "$work/terminal")
check no-bar-and-no-colours-in-a-file sh -c '"$1" flush -r "$2" && "$1" fetch -r "$2" >"$3" 2>&1 && [ "$(cat "$3")" = "2 files, 2.9 MiB, are in the cache." ]' sh "$afs" "$b/d" "$work/file"
for command in status examine whereis fetch flush sync watch recovered checkservers getcacheparms setcachesize; do
  check "json-of-$command" sh -c '"$1" "$2" --help | grep -q -- --json' sh "$afs" "$command"
done

check same-fid-at-both test "$(json 'j[0]["fid"]' examine "$a/d/f")" = "$(json 'j[0]["fid"]' examine "$b/d/f")"
check whereis is "$server root" 'j[0]["server"] + " " + j[0]["volume"]' whereis "$a/d/f"
check folder-examined is 'directory True' 'j[0]["type"] + " " + str(j[0]["isCached"])' examine "$b/d"
ln -s d "$a/link"; ln -s "$b/d" "$work/outside"
check examine-a-link-itself is symlink 'j[0]["type"]' examine "$a/link"
check examine-through-links test "$(json 'j[0]["fid"]' examine "$work/outside/f")" = "$(json 'j[0]["fid"]' examine "$a/link/f")"
coproc writes { python3 -c 'import sys; f = open(sys.argv[1], "a"); f.write("more\n"); f.flush(); print("written", flush=True); input()' "$a/d/f"; }
read -r _ <&"${writes[0]}"
check examine-dirty is True 'j[0]["isDirty"] and j[0]["isOpenForWriting"]' examine "$a/d/f"
echo end >&"${writes[1]}"
wait "$writes_PID"
check examine-stored is False 'j[0]["isDirty"]' examine "$a/d/f"
refused no-such-path 17 'no such' "$afs" examine "$a/d/none"
refused not-in-a-mount 12 'in no mount' "$afs" examine /etc/passwd
refused paths-of-two-mounts 2 'different mounts' "$afs" examine "$a/d" "$b/d"
refused unknown-option 2 'no option --nonsense' "$afs" status --nonsense
refused unknown-command 2 nonsense "$afs" nonsense
refused no-path 2 watch "$afs" watch

# What b changes is told at a, once each; what a itself changes is not.
need begin_watch flat "$a/d"
puts two "$b/d/f"
check watch-tells-a-store told flat stored "$a/d/f"
: >"$b/d/new" # Empty at first: content that is there when the creation is looked at is no change of its own.
check watch-tells-a-creation told flat created "$a/d/new"
puts new "$b/d/new"
check watch-tells-its-content told flat stored "$a/d/new"
puts newer "$b/d/new"
check watch-tells-of-what-was-created told flat stored "$a/d/new" 2
mv "$b/d/new" "$b/d/moved"
check watch-tells-a-renaming told flat renamed "$a/d/moved"
chmod 600 "$b/d/moved"
check watch-tells-a-mode told flat changed "$a/d/moved" 2 # its rename was one
rm "$b/d/moved"
check watch-tells-a-removal told flat removed "$a/d/moved"
puts own "$a/d/own"; puts again "$a/d/f"; sleep 1.5
puts other "$b/d/own"
check watch-tells-a-change-of-what-is-own told flat stored "$a/d/own"
check watch-is-silent-on-own-changes told_now flat stored "$a/d/f" 1
check watch-ends-by-signal end_watch
mkdir "$b/d/sub"
need begin_watch deep -r "$a"
puts deep "$b/d/sub/file"
check watch-recursive told deep created "$a/d/sub/file"
end_watch
check watch-count-ends sh -c 'timeout 20 "$1" watch -n 1 "$2" >"$4" & until grep -q watching "$4"; do sleep 0.1; done; python3 -c "open(\"$3\", \"w\").write(\"x\")"; wait $!' sh "$afs" "$a/d/f" "$b/d/f" "$work/n"

# Names are any bytes, also those that are no UTF-8 and those that look like options.
odd=$'caf\xe9 \xf0\x9f\x98\x80 \xff' option=--json
mkdir "$a/$odd"; echo odd >"$a/$odd/f"; echo option >"$a/d/$option"
check examine-any-bytes is True 'os.fsencode(j[0]["path"]) == os.fsencode(sys.argv[1]) + b"b/caf\xe9 \xf0\x9f\x98\x80 \xff/f" and j[0]["lengthBytes"] == 4' examine "$b/$odd/f"
check examine-from-a-folder-of-any-bytes bash -c 'cd "$2" && "$1" examine f --json | grep -q lengthBytes' bash "$afs" "$b/$odd"
check fetch-any-bytes "$afs" fetch -r "$b/$odd"
refused no-such-bytes 17 'no such' "$afs" examine "$b/d/"$'\xe9'
need begin_watch odd "$a/$odd"
puts more "$b/$odd/f"
check watch-tells-any-bytes within 30 python3 -c 'import json, os, sys
sys.exit(not any(os.fsencode(c.get("path", "")) == os.fsencode(sys.argv[2]) for c in map(json.loads, open(sys.argv[1])) if c["kind"] == "stored"))' "$work/odd.changes" "$a/$odd/f"
end_watch
check names-like-options bash -c 'cd "$2" && "$1" examine --json -- --json | grep -q lengthBytes' bash "$afs" "$b/d"
check names-like-unknown-options sh -c '"$1" examine -- -zzz 2>&1 | grep -q "in no mount"' sh "$afs"

# The cached copies go, the changes do not.
"$afs" fetch "$b/d/large" >/dev/null
check flush "$afs" flush "$b/d/large"
check flushed-is-not-cached is False 'j[0]["isCached"]' examine "$b/d/large"
check flushed-is-fetched-again cmp "$a/d/large" "$b/d/large"
exec 9<"$b/d/large"
check flush-keeps-what-is-open is 1 'j["keptFiles"]' flush "$b/d/large"
exec 9<&-
check sync-of-a-mount is '0 0' 'j[0]["waitingChanges"], j[0]["waitingBytes"]' sync "$b/d"
check sync-of-all-mounts is 2 'sum(1 for m in j if m["mountPoint"].startswith(sys.argv[1]))' sync
refused sync-outside 12 'in no mount' "$afs" sync "$work"
refused flush-needs-paths 2 '--all' "$afs" flush

check getcacheparms is $((10 << 30)) 'j[0]["limitBytes"]' getcacheparms "$b"
check setcachesize-evicts-at-once is True 'j[0]["limitBytes"] == 1 << 20 and j[0]["usedBytes"] <= 1 << 20' setcachesize 1M "$b"
check evicted-is-not-cached is False 'j[0]["isCached"]' examine "$b/d/large"
refused fetch-of-more-than-fits 16 'are to be fetched' "$afs" fetch "$b/d/large"
check setcachesize-up is $((1 << 30)) 'j[0]["limitBytes"]' setcachesize 1G "$b"
check fetch-fits-again "$afs" fetch "$b/d/large"

check recovered-none is 0 'len(j)' recovered "$a"
check checkservers is True 'j[0]["isUp"] and j[0]["roundTripMs"] > 0 and j[0]["epoch"] > 0' checkservers "$a"

# Others are answered by their rights, and change nothing.
mkdir -m 700 "$a/closed"; echo secret >"$a/closed/f"; chmod 600 "$a/d/large"
if as_other test -x "$afs"; then
  check other-status as_other "$afs" status "$a"
  check other-examines as_other "$afs" examine "$a/d/f"
  refused other-is-kept-out 11 'permission denied' as_other "$afs" examine "$a/closed/f"
  refused other-fetches-nothing-closed 11 'permission denied' as_other "$afs" fetch "$a/d/large"
  refused other-watches-nothing-closed 11 'permission denied' as_other "$afs" watch "$a/closed"
  # By access lists where there are some, as the kernel does it.
  mkdir -m 700 "$a/listed"; echo listed >"$a/listed/f"; chmod 600 "$a/listed/f"
  setfacl -m u:65534:x "$a/listed"
  check other-examines-by-a-list as_other "$afs" examine "$b/listed/f"
  refused other-is-kept-out-by-a-list 11 'permission denied' as_other "$afs" fetch "$b/listed/f"
  refused other-lists-nothing-by-a-list 11 'permission denied' as_other "$afs" watch "$b/listed"
  setfacl -m u:65534:r "$a/listed/f"
  check other-fetches-by-a-list as_other "$afs" fetch "$b/listed/f"
  chmod 640 "$a/listed/f"; chgrp 65534 "$a/listed/f"; setfacl -m u:65534:-,g::r "$a/listed/f"
  refused other-is-shut-out-by-a-list 11 'permission denied' as_other "$afs" fetch "$b/listed/f"
  refused other-flushes-nothing 11 'Only root' as_other "$afs" flush "$a/d/f"
  refused other-resizes-nothing 11 'Only root' as_other "$afs" setcachesize 1M "$a"
  refused other-lists-nothing-recovered 11 'Only root' as_other "$afs" recovered "$a"
else
  echo "skip other-user: an ordinary user can't read $afs"
fi

# What comes on the socket is not believed.
check garbage-ends-one-connection-only python3 - "$(ls /run/venus/*"$(basename "$work")"*a.sock 2>/dev/null | head -n 1)" <<'EOF'
import json, os, socket, sys
path = sys.argv[1]
def ask(data):
    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(path)
    try:
        s.sendall(data)
        return s.makefile("rb").readline()
    except (BrokenPipeError, ConnectionResetError):
        return b""
for data in [b"\0\xff\n", b"null\n", b"{}\n", b'{"operation":7}\n', b"[" * 200000 + b"\n", b"x" * 1_000_000, os.urandom(5000) + b"\n"]:
    ask(data)
for request in [{"operation": "examine", "paths": ["../../etc/passwd"]}, {"operation": "examine", "paths": ["d//f"]}, {"operation": "examine", "paths": [None]},
                {"operation": "examine", "paths": ["a\0b"]}, {"operation": "examine", "paths": ["x" * 300]}, {"operation": "examine", "paths": ["d"] * 1000},
                {"operation": "watch", "paths": []}, {"operation": "setcachesize", "bytes": -5}, {"operation": "nonsense"}]:
    reply = json.loads(ask(json.dumps(request).encode() + b"\n"))
    assert reply["code"] not in (0, None), (request, reply)
assert json.loads(ask(b'{"operation":"status"}\n'))["status"]["processId"] > 0
EOF

check completion bash -ec 'source <("$1" completion bash); COMP_WORDS=(afs exa) COMP_CWORD=1; _afs; [ "${COMPREPLY[*]}" = examine ]
  COMP_WORDS=(afs watch --rec) COMP_CWORD=2; _afs; [ "${COMPREPLY[*]}" = --recursive ]' bash "$afs"

check completion-is-the-packaged-one cmp <("$afs" completion bash) "$root/packaging/completion/afs"

# names_saved FID: client a has saved the directory in which that is named f, some seconds after it changed (docs/disk-format-cache.md): the entry is in a page of its database,
# or of the log of that.
names_saved() {
  python3 - "$(echo "$work"/a.cache/vnodes-????????.db)" "$1" <<'EOF'
import struct, sys
_, vnode, uniquifier = map(int, sys.argv[2].split('.'))
entry = b'\x01f' + struct.pack('<QI', vnode, uniquifier)
sys.exit(not any(entry in open(sys.argv[1] + end, 'rb').read() for end in ('', '-log')))
EOF
}

# What was never closed, and is stored by another meanwhile, is put aside and listed.
need within 60 names_saved "$(json 'j[0]["fid"]' examine "$a/d/f")"
python3 -c 'import signal, sys; f = open(sys.argv[1], "r+"); f.write("mine"); f.flush(); print("written", flush=True); signal.pause()' "$a/d/f" >"$work/leaves.out" &
leaves=$!
need within 60 grep -q written "$work/leaves.out"
kill_now "${client_pids[a]}"
kill_now "$leaves"
timeout 10 umount -l "$a"
puts theirs "$b/d/f"
need begin_client a --force
check recovered-lists-it is '1 f' 'str(len(j)) + " " + j[0]["original"]' recovered "$a"
check recovered-has-it sh -c 'grep -q "^mine" "$1"' sh "$(json 'j[0]["path"]' recovered "$a")"
check recovered-text-names-it sh -c '"$1" recovered "$2" | grep -q "(was f,"' sh "$afs" "$a"
check status-counts-it is 1 'j[0]["recoveredFiles"]' status "$a"
check recovered-is-not-what-others-see grep -qx theirs "$a/d/f"

# The server goes and comes: said, and what changed meanwhile is told.
need begin_watch over "$a/d/f"
kill_now "$vice_pid"
check checkservers-down sh -c '"$1" checkservers "$2" --timeout-ms 1000; [ $? = 3 ]' sh "$afs" "$a"
need begin_server
check watch-says-out-of-touch told over out-of-touch '' some
check watch-says-in-touch told over in-touch '' some
puts after "$b/d/f"
check watch-goes-on-after-a-restart told over stored "$a/d/f"
end_watch
exit $status
