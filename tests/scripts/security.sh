#!/bin/bash
# What somebody who can reach the server, or who is an ordinary user of a client, tries against it. Each attempt fails, and what it is about goes on.
set -u
# In a mount namespace of its own, where everybody may open /dev/fuse, as distributions have it.
[ -n "${AFS_OWN_MOUNTS:-}" ] || AFS_OWN_MOUNTS=1 exec unshare -m --propagation private "$0"
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"

as_user() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
flags() { awk -v path="$1" '$5 == path { print $6 }' /proc/self/mountinfo; }
fails() { ! "$@"; }

# --- Programs with set-id bits and devices that somebody put into the volume.

plant() {
  mkdir -m 755 "$work/open/bin" && cp /usr/bin/id "$work/open/bin/id" && chmod 4755 "$work/open/bin/id" && mknod -m 666 "$work/open/bin/null" c 1 3
}
id_says() { [ "$(as_user "$1/bin/id" -u)" = "$2" ]; }
device_opens() { as_user head -c 0 "$1/bin/null"; }

chmod 711 "$work"
need begin_server
need begin_client open --suid --dev
need begin_client safe
need begin_client strict --noexec
need plant
check suid-counts-where-asked-for id_says "$work/open" 0
check device-opens-where-asked-for device_opens "$work/open"
check suid-does-not-count id_says "$work/safe" 65534
check device-does-not-open fails device_opens "$work/safe"
check mount-is-nosuid-and-nodev grep -qE '(^|,)nosuid,nodev(,|$)' <(flags "$work/safe")
check noexec-runs-nothing fails as_user "$work/strict/bin/id"

# --- Folders that others may enter or own, and names in them that lead elsewhere.

serve_there() { timeout 30 "$vice" serve --data "$1" --listen "unix:$work/there.sock"; }
mount_there() { timeout 60 "$venus" mount "$server" "$work/there" --cache "$1" --log-level Error "${@:2}"; }
modes_below() { find "$1" -mindepth 1 -printf '%m\n' | sort -u; }
nobody_else_reads() { [ -n "$(modes_below "$1")" ] && ! modes_below "$1" | grep -vE '^[0-7]00$'; }

mkdir "$work/there"
for kind in data cache; do
  mkdir -m 755 "$work/lax.$kind" "$work/empty.$kind" && echo left >"$work/lax.$kind/left"
  mkdir -m 700 "$work/theirs.$kind" && ln -s "$work/precious" "$work/theirs.$kind/pid" && ln -s "$work/precious" "$work/theirs.$kind/client-id" && chown -h -R 65534 "$work/theirs.$kind"
done
echo precious >"$work/precious"
refused data-folder-that-others-may-enter 3 "chmod 700 $work/lax.data" serve_there "$work/lax.data"
refused data-folder-of-somebody-else 3 "chown -R 0 $work/theirs.data" serve_there "$work/theirs.data"
refused cache-folder-that-others-may-enter 9 "chmod 700 $work/lax.cache" mount_there "$work/lax.cache"
refused cache-folder-of-somebody-else 9 "chown -R 0 $work/theirs.cache" mount_there "$work/theirs.cache"
refused supervised-in-the-folder-of-somebody-else 9 "chown -R 0 $work/theirs.cache" mount_there "$work/theirs.cache" --supervised
check what-a-link-led-to-is-as-it-was grep -qx precious "$work/precious"
check an-empty-folder-is-closed sh -c 'umask 022; "$@"' sh "$venus" mount "$server" "$work/there" --cache "$work/empty.cache"
echo secret >"$work/there/secret"
check the-cache-is-closed test "$(stat -c %a "$work/empty.cache")" = 700
check the-caches-files-are-the-owners nobody_else_reads "$work/empty.cache"
check the-servers-files-are-the-owners nobody_else_reads "$work/data"
timeout 30 "$venus" unmount "$work/there"

# --- The control socket's folder in /tmp, made first by somebody else, who also answers there.

squatter=65533
squatted() {
  local shared=$work/tmp folder socket
  folder=$shared/venus-$(id -un 65534)
  socket=$(control_socket "$folder" "$work/users/mnt")
  mkdir -m 1777 "$shared" && chmod 711 "$work" && mkdir -m 777 "$folder" && mkdir -p "$work/users/mnt" && chown -R 65534 "$work/users" && chown "$squatter" "$folder" || return 1
  python3 - "$socket" "$squatter" <<'EOF' &
import os, socket, sys
path, user = sys.argv[1], int(sys.argv[2])
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o666)
os.setresgid(user, user, user)
os.setresuid(user, user, user)
listener.listen()
asker = listener.accept()[0]
asker.recv(999)
asker.sendall(b'{"code":0}\n')
EOF
  squatter_pid=$!
  within 10 test -S "$socket"
}
as_squatted() { as_user env -u XDG_RUNTIME_DIR HOME="$work/users" DOTNET_CLI_HOME="$work/users" TMPDIR="$work/tmp" "$@"; }
let_users_mount() { mknod "$work/fuse" c 10 229 && chmod 666 "$work/fuse" && mount --bind "$work/fuse" /dev/fuse; }
if as_user test -x "$venus"; then
  need squatted
  need let_users_mount
  chmod 666 "$work/vice.sock"
  refused a-squatted-folder-is-refused 1 "belongs to user $squatter" as_squatted timeout 60 "$venus" mount "$server" "$work/users/mnt" --cache "$work/users/cache" --log-level Error
  refused a-squatters-answer-is-none 12 'No venus is mounted' as_squatted timeout 60 "$venus" unmount "$work/users/mnt"
  check the-squatter-was-asked within 10 ended "$squatter_pid"
else
  echo "skip squatted-folder: an ordinary user can't read $venus"
fi

# --- Names that would steer the terminal of who reads them.

# Whatever a command prints: no escape, no C1 control, nothing that turns the line around; and what it says is there.
prints_safely() {
  local expected=$1
  shift
  timeout 30 "$@" >"$work/printed" 2>&1 </dev/null
  grep -qF -- "$expected" "$work/printed" && ! LC_ALL=C grep -qP '\x1b|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]' "$work/printed" || { tail -n 1 "$work/printed"; return 1; }
}
# Removed by another client while it is written here: its data is parked under the name that it had.
park() { python3 -c 'import os, sys; f = open(sys.argv[1], "w"); f.write("text"); f.flush(); os.remove(sys.argv[2]); f.close()' "$work/safe/$1" "$work/open/$1" 2>/dev/null; within 20 is_parked; }
is_parked() { timeout 20 "$venus" recovered "$work/safe" | grep -q evil; }

evil=$(printf 'evil\033]0;owned\007\xe2\x80\xaetxt\xc2\x9b31m')
echo text >"$work/safe/$evil"
check afs-examine-prints-safely prints_safely 'evil\x1b]0;owned' "$afs" examine "$work/safe/$evil"
check an-error-prints-safely prints_safely 'evil\x1b]0;owned' "$afs" examine "$work/none/$evil"
need park "$evil"
check venus-recovered-prints-safely prints_safely 'evil' "$venus" recovered "$work/safe"
check afs-recovered-prints-safely prints_safely 'evil' "$afs" recovered "$work/safe"
check the-log-is-safe prints_safely 'evil' cat "$work/safe.log"
check vice-versions-prints-safely prints_safely 'versions are kept' "$vice" versions --data "$work/data"

# --- A client's id: people see its beginning.

# Two write one file, and neither sees the other's: the server's log and the list of kept versions name them.
lose_update() {
  echo first >"$work/safe/shared" && python3 -c 'import sys
files = [open(path, "w") for path in sys.argv[1:]]
for file in files: file.write("text")
for file in files: file.close()' "$work/safe/shared" "$work/open/shared"
}
shows_the_beginning() {
  local client id
  for client in safe open; do
    id=$(cat "$work/$client.cache/client-id")
    [ "${#id}" = 32 ] || { echo "the id of $client has ${#id} digits"; return 1; }
    ! grep -F "$id" "$1" || return 1
  done
  id=$(cat "$work/safe.cache/client-id")
  grep -qF "client ${id:0:8}" "$1" || grep -qF "by ${id:0:8} " "$1"
}
list_versions() { "$vice" versions --data "$work/data" >"$work/versions" && grep -q bytes "$work/versions"; }
need lose_update
check the-log-shows-the-beginning-of-an-id within 10 shows_the_beginning "$work/vice.log"
need list_versions
check a-list-shows-the-beginning-of-an-id shows_the_beginning "$work/versions"

# serve_more NAME OPTION...: a second server at a port of its own. Sets: more_pid, more_address.
serve_more() {
  local name=$1
  shift
  mkdir -p -m 700 "$work/$name.data"
  rm -f "$work/$name.ready"
  "$vice" serve --data "$work/$name.data" --listen 127.0.0.1:0 --ready-file "$work/$name.ready" "$@" >"$work/$name.log" 2>&1 </dev/null &
  more_pid=$!
  within 30 test -s "$work/$name.ready" && more_address=$(head -n 1 "$work/$name.ready")
}
stop_more() { stop_vice "$more_pid"; }

# --- The admin pages under connections that say nothing, and a health check that comes among them.

healthy() { [ "$(curl -sS -o /dev/null -w '%{http_code}' --max-time 3 "http://$1/healthz")" = 200 ]; }
# silent ADDRESS COUNT: so many connections that say nothing, or the beginning of a request, until standard input ends.
silent() {
  python3 - "$1" "$2" <<'EOF'
import os, resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
host, port = sys.argv[1].rsplit(":", 1)
held = []
for number in range(int(sys.argv[2])):
    held.append(socket.create_connection((host, int(port))))
    if number % 2:
        held[-1].send(b"GET /metrics HTTP/1.1\r\nHost: ")
print("holding", flush=True)
time.sleep(2)
os.fdopen(3).read()
EOF
}
# Healthy while they are held, and again when they have been for some seconds; and /metrics too.
healthy_among() {
  local ended=0 i
  mkfifo "$work/hold.$2"
  silent "$1" "$2" >"$work/silent.$2" 3<"$work/hold.$2" &
  local pid=$!
  exec 8>"$work/hold.$2"
  within 30 grep -q holding "$work/silent.$2" || ended=1
  for i in 1 2 3 4 5; do healthy "$1" || { echo "no answer among $2 connections"; ended=1; }; done
  curl -sS --max-time 5 -o /dev/null -f "http://$1/metrics" || ended=1
  exec 8>&-
  wait "$pid"
  return "$ended"
}
# Those that say nothing are closed in seconds.
silent_ends() {
  python3 - "$1" <<'EOF'
import socket, sys, time
host, port = sys.argv[1].rsplit(":", 1)
begun = time.monotonic()
peers = [socket.create_connection((host, int(port)), timeout=30) for _ in range(2)]
peers[1].send(b"GET /healthz HT")
for peer in peers:
    while peer.recv(4096):
        pass
took = time.monotonic() - begun
print("ended after %.1f s" % took)
sys.exit(took > 20)
EOF
}

if command -v curl >/dev/null; then
  admin=127.0.0.1:$(free_port)
  need serve_more admin --admin "$admin"
  check a-health-check-among-64-silent-connections healthy_among "$admin" 64
  check a-health-check-among-1000-silent-connections healthy_among "$admin" 1000
  check silent-connections-end silent_ends "$admin"
  stop_more
else
  echo 'skip silent-connections: curl is not installed'
fi

# --- Secrets for a collector: in a file that others may not read, and nowhere to be seen.

collect_headers() {
  python3 - "$1" "$work/seen" <<'EOF' &
import http.server, sys
class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with open(sys.argv[2], "a") as file:
            file.write("%s\n" % self.headers.get("Authorization"))
        self.send_response(307); self.send_header("Location", "http://127.0.0.1:1/"); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
host, port = sys.argv[1].split(":")
http.server.HTTPServer((host, int(port)), Collector).serve_forever()
EOF
  collector_pid=$!
  within 10 answers "$1"
}
says_nowhere() { ! grep -qaF "$secret" "$work/collected.log" "/proc/$more_pid/cmdline" "/proc/$more_pid/environ" && ! "$vice" status --server "$more_address" | grep -qF "$secret"; }

secret="Basic $(head -c 24 /dev/urandom | base64 -w0)"
collector=127.0.0.1:$(free_port)
printf '# of the collector\nAuthorization: %s\n' "$secret" >"$work/headers"
serve_collected() { timeout 30 "$vice" serve --data "$work/lax.data" --listen 127.0.0.1:0 "$@"; }
chmod 644 "$work/headers"
refused headers-that-others-read 3 "chmod 600 $work/headers" serve_collected --otlp "http://$collector" --otlp-headers-file "$work/headers"
refused headers-that-others-read-of-a-mount 4 "chmod 600 $work/headers" mount_there "$work/empty.cache" --otlp "http://$collector" --otlp-headers-file "$work/headers"
chmod 600 "$work/headers"
refused headers-for-nobody 3 'needs --otlp' serve_collected --otlp-headers-file "$work/headers"
refused a-password-in-an-address 3 '--otlp-headers-file' serve_collected --otlp "http://me:secret@$collector"
printf 'Authorization %s\n' "$secret" >"$work/no-headers" && chmod 600 "$work/no-headers"
refused headers-that-are-none 3 'line 1 is no' serve_collected --otlp "http://$collector" --otlp-headers-file "$work/no-headers"
check headers-that-are-none-are-not-quoted fails grep -qF "${secret#Basic }" "$work/refused.out"
printf 'otlp: http://%s\notlp-headers-file: %s\n' "$collector" "$work/headers" >"$work/collected.yaml"
need collect_headers "$collector"
need serve_more collected --config "$work/collected.yaml"
check a-secret-header-is-shown-nowhere says_nowhere
stop_more
check a-secret-header-reaches-the-collector grep -qxF "$secret" "$work/seen"
kill "$collector_pid" && wait "$collector_pid" 2>/dev/null

# --- Who fills the log: connections that are reset at once, and requests on the control socket that are none.

reset_many() {
  python3 - "$1" "$2" <<'EOF'
import socket, struct, sys
host, port = sys.argv[1].rsplit(":", 1)
for number in range(int(sys.argv[2])):
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.connect((host, int(port)))
    if number % 2:
        peer.send(b"\0\0\0")
    peer.close()
EOF
}
few_lines() { local lines; lines=$(wc -l <"$1"); [ "$lines" -le "$2" ] || { echo "$lines lines: $(tail -n 1 "$1")"; return 1; }; }
answers_status() { timeout 30 "$vice" status --server "$1"; }
babble() {
  python3 - "$1" "$2" <<'EOF'
import socket, sys
for _ in range(int(sys.argv[2])):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(sys.argv[1])
    peer.sendall(b"nonsense\n")
    try:
        while peer.recv(4096):
            pass
    except ConnectionError:
        pass
EOF
}

need serve_more reset
check connections-that-are-reset reset_many "$more_address" 24000
check the-server-answers-after-them answers_status "$more_address"
stop_more
check connections-that-are-reset-leave-a-few-lines few_lines "$work/reset.log" 12
before=$(wc -l <"$work/safe.log")
check nonsense-on-the-control-socket babble "$(control_socket /run/venus "$work/safe")" 1000
check the-daemon-answers-after-it timeout 20 "$venus" status "$work/safe"
check nonsense-leaves-a-few-lines few_lines "$work/safe.log" $((before + 4))

# --- TLS: an option of TLS is never passed over, the chain is sent, keys are guarded, and a new certificate is taken without a restart.

# issue NAME EXTENSION [AUTHORITY]: a key and a certificate; without an authority it is its own.
issue() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tls/$1.key" -subj "/CN=$1" -out "$tls/$1.csr" 2>/dev/null &&
    openssl x509 -req -in "$tls/$1.csr" -days 30 -out "$tls/$1.crt" -extfile <(echo "$2") \
      $(if [ $# -gt 2 ]; then echo "-CA $tls/$3.crt -CAkey $tls/$3.key -CAcreateserial"; else echo "-signkey $tls/$1.key"; fi) 2>/dev/null
}
make_certificates() {
  mkdir -m 700 "$tls" && issue root basicConstraints=critical,CA:TRUE && issue other basicConstraints=critical,CA:TRUE &&
    issue middle basicConstraints=critical,CA:TRUE root && issue first subjectAltName=IP:127.0.0.1 middle && issue second subjectAltName=IP:127.0.0.1 middle &&
    cat "$tls/first.crt" "$tls/middle.crt" >"$tls/server.pem" && cp "$tls/first.key" "$tls/server.key"
}
mount_tls() { timeout 60 "$venus" mount "$more_address" "$work/$1" --cache "$work/$1.cache" --timeout 3 --log-level Error "${@:2}"; }
mounts_and_works() {
  mkdir -p "$work/$1" && mount_tls "$@" && echo text >"$work/$1/file" && [ "$(cat "$work/$1/file")" = text ]
  local ended=$?
  timeout 30 "$venus" unmount "$work/$1"
  return "$ended"
}
shown_certificate() { openssl s_client -connect "$more_address" </dev/null 2>/dev/null | grep -oE 'subject=.*' | head -n 1; }
shows() { [[ $(shown_certificate) == *"$1"* ]]; }
replace_certificate() { cp "$tls/second.key" "$tls/server.key" && sleep 1.5 && cat "$tls/second.crt" "$tls/middle.crt" >"$tls/server.pem"; }

tls=$work/tls
need make_certificates
mkdir "$work/clear"
need serve_more clear
refused an-authority-asks-for-tls 3 'TLS' mount_tls clear --tls-ca "$tls/root.crt"
refused a-name-asks-for-tls 3 'TLS' mount_tls clear --tls-name 127.0.0.1
check a-mount-in-clear-is-in-clear mounts_and_works clear
stop_more
refused tls-and-a-unix-socket 4 'TLS is for TCP' "$venus" mount "$server" "$work/clear" --cache "$work/clear.cache" --tls
chmod 644 "$tls/server.key"
mkdir -m 700 "$work/secured.data"
refused a-key-that-others-read 3 "chmod 600 $tls/server.key" timeout 30 "$vice" serve --data "$work/secured.data" --listen 127.0.0.1:0 --tls-cert "$tls/server.pem" --tls-key "$tls/server.key"
chmod 600 "$tls/server.key"
need serve_more secured --tls-cert "$tls/server.pem" --tls-key "$tls/server.key"
check the-chain-is-sent mounts_and_works secured --tls-ca "$tls/root.crt"
refused an-unknown-authority-is-named 1 'certificate' timeout 30 "$vice" status --server "$more_address" --tls-ca "$tls/other.crt" --timeout-ms 2000
refused a-mount-names-it-too 3 'certificate' mount_tls secured --tls-ca "$tls/other.crt"
check the-first-certificate-is-shown shows first
need replace_certificate
check a-new-certificate-is-taken within 20 shows second
check it-is-trusted-as-the-first mounts_and_works secured --tls-ca "$tls/root.crt"
check it-said-that-one-half-was-missing grep -q "can't be used" "$work/secured.log"
stop_more

exit $status
