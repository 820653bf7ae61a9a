# A server and clients for a script's checks, in a folder of their own that is gone afterwards. Sets: root, work, status.
# Every check is one line: "ok NAME", "not ok NAME: why" or "skip NAME: why".

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/scripts/lib/output.sh"
. "$root/scripts/lib/daemons.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/cell.XXXXXX") || exit 1
server="unix:$work/vice.sock"
vice_pid='' status=0
server_options=()    # More options of vice serve.
client_options=()    # More options of every venus mount.
cache_disk=''        # A filesystem: each client's cache is on a disk of its own (needs disks.sh).
at_end=()            # Commands that undo what was made, the last first.
declare -A client_pids=()
declare -A host_namespaces=()

# Also after an interrupt in the middle: a daemon may be stopped, a writer may write.
finish() {
  local job i name path
  set +e
  for name in "${!client_pids[@]}"; do
    daemons_of "$name"
    kill -CONT "${pids[@]}" 2>/dev/null
  done
  for job in $(jobs -p); do
    case " $vice_pid ${client_pids[*]} " in
      *" $job "*) kill -CONT "$job" 2>/dev/null ;;
      *) kill -TERM -- "-$job" 2>/dev/null || kill -TERM "$job" 2>/dev/null ;;
    esac
  done
  for name in "${!client_pids[@]}"; do stop_client "$name"; done
  [ -n "$vice_pid" ] && stop_vice "$vice_pid"
  for path in $(awk -v dir="$work/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | tac); do timeout 10 umount -l "$path"; done
  for ((i = ${#at_end[@]} - 1; i >= 0; i--)); do ${at_end[i]}; done
  rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

ok() { echo "ok $1"; }

not_ok() {
  echo "not ok $1: $2"
  status=1
}

# check NAME COMMAND...: the command succeeds. What it said last tells why not.
check() {
  local name=$1
  shift
  if "$@" >"$work/check.out" 2>&1; then ok "$name"; else not_ok "$name" "$(tail -n 1 "$work/check.out")"; fi
}

# refused NAME CODE TEXT COMMAND...: ends with this code and one line that holds the text.
refused() {
  local name=$1 code=$2 text=$3 ended
  shift 3
  "$@" >"$work/refused.out" 2>&1 </dev/null
  ended=$?
  if [ "$ended" != "$code" ]; then
    not_ok "$name" "exit code $ended, not $code: $(tail -n 1 "$work/refused.out")"
  elif [ "$(grep -c . "$work/refused.out")" != 1 ] || ! grep -qF -- "$text" "$work/refused.out"; then
    not_ok "$name" "not one line with '$text': $(tr '\n' '|' <"$work/refused.out")"
  else
    ok "$name"
  fi
}

# need COMMAND...: without it there is nothing to check.
need() {
  "$@" && return
  tail -n 20 "$work"/*.log 2>/dev/null
  not_ok "$(basename "$0" .sh)" "failed: $*"
  exit 1
}

# enter HOST: where the next daemon starts: a host of hosts.sh, else this machine.
enter() {
  in_host=()
  [ -z "${host_namespaces[$1]:-}" ] || in_host=(nsenter "--net=/run/netns/${host_namespaces[$1]}")
}

begin_server() {
  enter server
  start_vice "$work/data" "$server" "$work/vice.log" "${server_options[@]}"
}

end_server() {
  stop_vice "$vice_pid"
  vice_pid=''
}

# begin_client NAME [OPTION]...: mounted at $work/NAME, with its cache in $work/NAME.cache.
begin_client() {
  local name=$1
  shift
  [ -z "$cache_disk" ] || is_mounted "$work/$name.cache" || small_disk "$name.cache" 1024 "$cache_disk" || return
  enter "$name"
  start_venus "$server" "$work/$name" "$work/$name.cache" "$work/$name.log" "${client_options[@]}" "$@" || return
  client_pids[$name]=$venus_pid
}

stop_client() {
  stop_venus "${client_pids[$1]}" "$work/$1"
  unset "client_pids[$1]"
}

# daemons_of NAME: sets pids to a client's process, and where that is a supervisor, to its daemon too. The supervisor comes first, so that it starts no other.
daemons_of() {
  local child
  pids=("${client_pids[$1]}")
  for child in $(pgrep -x venus -P "${pids[0]}"); do pids+=("$child"); done
}

# kill_client NAME: it, and where it is supervised its supervisor, in the middle of what they do.
kill_client() {
  daemons_of "$1"
  kill -KILL "${pids[@]}"
  wait "${pids[0]}" 2>/dev/null || true
  within 10 all_ended "${pids[@]}"
}

all_ended() {
  local pid
  for pid in "$@"; do ended "$pid" || return 1; done
}

# kill_now PID: ends it in the middle of what it does.
kill_now() {
  kill -KILL "$1"
  wait "$1" 2>/dev/null || true
}

# control_socket FOLDER MOUNTPOINT: where the daemon of a mount point listens, by docs/protocol/control.md.
control_socket() {
  python3 - "$1" "$2" <<'EOF'
import hashlib, os, re, sys
folder, point = map(os.fsencode, sys.argv[1:])
name = re.sub(rb"[^/A-Za-z0-9_.]", lambda found: b"\\x%02x" % found[0][0], point.strip(b"/")).replace(b"/", b"-")
path = folder + b"/" + name + b".sock"
if len(path) > 107:
    path = folder + b"/" + hashlib.sha256(point).hexdigest().encode() + b".sock"
print(os.fsdecode(path))
EOF
}

# free_port: one that nobody has and that the kernel gives nobody who asks for any, also while others look for theirs.
free_port() {
  python3 - <<'EOF'
import random, socket
with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
    first_given = int(file.read().split()[0])
while True:
    with socket.socket() as attempt:
        port = random.randrange(min(10000, first_given - 1000), first_given)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(port)
        break
EOF
}

# figure NAME EXPRESSION: of venus status --json, e.g. figure a 's["dirtyFiles"]'.
figure() { timeout 20 "$venus" status "$work/$1" --json | python3 -c "import json, sys; s = json.load(sys.stdin)[0]; print($2)"; }

# calls NAME: calls of a client to the server, but for those that renew its lease.
calls() { figure "$1" 'sum(count for name, count in s["calls"].items() if name != "probe")'; }

is_stored() { [ "$(figure "$1" 's["dirtyFiles"]')" = 0 ]; }
