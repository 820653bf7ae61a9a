# How the demo tells what it does and checks what it says. Needs: cell.sh, and a driver: netns.sh or compose.sh. It offers
#   begin_cell, end_cell          the server and clients 1, 2 and 3
#   at N COMMAND                  a shell command on client N; the mount is at /mnt/afs in its text
#   client_status N, server_status   venus status --json, vice status --json
#   kill_client N, start_client N, kill_server, start_server, cut N, heal N

# What is killed would leave the runtime's sockets behind.
export DOTNET_EnableDiagnostics=0
checks=0 steps=0

# step TITLE
step() {
  steps=$((steps + 1))
  [ "$pause_s" = 0 ] || sleep "$pause_s"
  echo
  say "$steps. $1"
  look before
}

note() { echo "   $*"; }

# do_at N COMMAND: shown, run, and what it says shown too; it stays in $work/said.
do_at() {
  note "client $1 \$ $2"
  at "$1" "$2" >"$work/said" 2>&1 || { sed 's/^/     /' "$work/said"; claim "the command succeeds" false; }
  sed 's/^/     /' "$work/said"
}

# begin_at N NAME COMMAND: shown, and run in the background; it reads lines that tell_it NAME sends. What it says stays in $work/NAME.said.
begin_at() {
  note "client $1 \$ $3"
  mkfifo "$work/$2"
  set -m # A process group of its own, so that the end of the demo is also its end.
  at "$1" "$3" <>"$work/$2" >"$work/$2.said" 2>&1 &
  background[$2]=$!
  set +m
}
declare -A background=()

tell_it() { echo "$2" >"$work/$1"; }

has_said() { grep -qxF -- "$2" "$work/$1.said"; }

# ends_well NAME: its exit status, once it ended.
ends_well() {
  within 90 ended "${background[$1]}" && wait "${background[$1]}" || { cat "$work/$1.said"; return 1; }
  sed 's/^/     /' "$work/$1.said"
}

# claim TEXT COMMAND...: one check; the first that fails is the end.
claim() {
  local text=$1
  shift
  if "$@" >"$work/claim.out" 2>&1; then
    checks=$((checks + 1))
    printf '%s\n' "   ${green}✓${plain} $text"
  else
    tail -n 5 "$work/claim.out" | sed 's/^/     /'
    printf '%s\n' "   ${red}✗${plain} $text"
    exit 1
  fi
}

# look WHEN: what the daemons count, to $work/WHEN. One that does not answer counts nothing.
look() {
  local folder=$work/$1 looks=() number
  mkdir -p "$folder"
  { server_status >"$folder/server" 2>/dev/null || echo '{}' >"$folder/server"; } &
  looks+=($!)
  for number in 1 2 3; do
    { client_status "$number" >"$folder/client$number" 2>/dev/null || echo '[{}]' >"$folder/client$number"; } &
    looks+=($!)
  done
  wait "${looks[@]}"
}

figures() { python3 "$root/scripts/lib/demo/figures.py" "$work/before" "$work/after" "$@"; }

# underneath: what the daemons did since the step began.
underneath() {
  look after
  figures table | sed 's/^/   | /'
}

# counted WHO NAME: how much a figure rose since the step began, as of the last look. WHO: server or client1 …; calls: all calls.
counted() { figures "$1" "$2"; }

counted_is() { [ "$(counted "$1" "$2")" = "$3" ] || { echo "$2 of $1 rose by $(counted "$1" "$2")"; return 1; }; }

counted_none() { counted_is "$1" "$2" 0; }

counted_some() { [ "$(counted "$1" "$2")" -gt 0 ] || { echo "$2 of $1 did not rise"; return 1; }; }

said() { [ "$(cat "$work/said")" = "$1" ] || { echo "it says $(cat "$work/said")"; return 1; }; }

reads() { [ "$(at "$1" "cat $2")" = "$3" ] || { echo "client $1 reads something else"; return 1; }; }

# client_says N EXPRESSION VALUE: of its status s.
client_says() { [ "$(client_status "$1" | python3 -c "import json, sys; s = json.load(sys.stdin)[0]; print($2)")" = "$3" ]; }
