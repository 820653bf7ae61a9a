# Starts and stops vice and venus. Needs: root, output.sh. Everything is bounded, and a hung mount is never waited for.

vice="$root/artifacts/bin/Afs.Vice/release/vice"
venus="$root/artifacts/bin/Afs.Venus/release/venus"
afs="$root/artifacts/bin/Afs.Cli/release/afs"
start_timeout_s=30
stop_timeout_s=30

# What goes before a daemon's command: nothing, or what puts it on a host of its own (hosts.sh).
in_host=()

# within SECONDS COMMAND...: true once the command is, false when the time is over.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

is_mounted() { awk -v path="$1" '$5 == path { found = 1 } END { exit !found }' /proc/self/mountinfo; }

ended() { ! kill -0 "$1" 2>/dev/null; }

# start_vice DATA ADDRESS LOG [OPTION]...: sets vice_pid.
start_vice() {
  local data=$1 address=$2 log=$3
  shift 3
  mkdir -p "$data"
  "${in_host[@]}" "$vice" serve --data "$data" --listen "$address" "$@" >>"$log" 2>&1 </dev/null &
  vice_pid=$!
  within "$start_timeout_s" vice_answers_or_ended "$address" && ! ended "$vice_pid"
}

vice_answers_or_ended() { ended "$vice_pid" || answers "$1"; }

# answers ADDRESS: something listens at host:port or unix:path.
answers() {
  case $1 in
    unix:*) [ -S "${1#unix:}" ] ;;
    *) "${in_host[@]}" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "${1%:*}" "${1##*:}" 2>/dev/null ;;
  esac
}

# start_venus SERVER MOUNTPOINT CACHE LOG [OPTION]...: sets venus_pid. Runs in the foreground of a job of its own.
start_venus() {
  local server=$1 mount_point=$2 cache=$3 log=$4
  shift 4
  mkdir -p "$mount_point" "$cache"
  "${in_host[@]}" "$venus" mount "$server" "$mount_point" --cache "$cache" --foreground "$@" >>"$log" 2>&1 </dev/null &
  venus_pid=$!
  within "$start_timeout_s" mounted_or_ended "$mount_point" && is_mounted "$mount_point"
}

mounted_or_ended() { is_mounted "$1" || ended "$venus_pid"; }

# stop_venus PID MOUNTPOINT: unmounts; where that fails or hangs, by force.
stop_venus() {
  timeout "$stop_timeout_s" "$venus" unmount "$2" >/dev/null 2>&1 || true
  within 5 ended "$1" || kill -TERM "$1" 2>/dev/null || true
  # A supervisor's daemon goes on without it: it goes too.
  within "$stop_timeout_s" ended "$1" || { kill -KILL "$1" $(pgrep -x venus -P "$1"); warn "venus (process $1) had to be killed"; }
  ! is_mounted "$2" || timeout 10 umount -l "$2" || true
  wait "$1" 2>/dev/null || true
}

# stop_vice PID
stop_vice() {
  kill -TERM "$1" 2>/dev/null || true
  within "$stop_timeout_s" ended "$1" || { kill -KILL "$1"; warn "vice (process $1) had to be killed"; }
  wait "$1" 2>/dev/null || true
}
