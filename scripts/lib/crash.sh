# What the crash scripts share: options, counts, pauses by chance, writers with journals, the verdict. Needs: cell.sh.

. "$root/scripts/lib/disks.sh"

# What is killed would leave the runtime's sockets behind.
export DOTNET_EnableDiagnostics=0
operations=0 acknowledged=0 failed=0 held=0 verified=0 lost=0
declare -A writer_pids=() # Of the writers that go on: by folder.

# read_options USAGE NAMES [OPTION]...: sets the variables of these names, by --NAME VALUE, and seeds RANDOM.
read_options() {
  local usage=$1 names=" $2 " name
  shift 2
  usage+="

Of every client:
  --supervised      each has a supervisor; where a client is killed, both are
  --cache-disk FS   its cache is on a disk of its own: ext2, ext3, ext4 or xfs, in a file"
  while [ $# -gt 0 ]; do
    name=${1#--}
    case $1 in
      --help | -h) echo "$usage"; exit 0 ;;
      --supervised)
        client_options+=(--supervised)
        shift
        continue
        ;;
      --cache-disk)
        [[ ${2:-} =~ ^(ext[234]|xfs)$ ]] || fail "--cache-disk needs ext2, ext3, ext4 or xfs, not ${2:-nothing}"
        cache_disk=$2
        shift 2
        continue
        ;;
    esac
    [[ $1 == --* && $names == *" $name "* ]] || { echo "$usage" >&2; exit 2; }
    [ $# -ge 2 ] || fail "$1 needs a value"
    [ "$name" = io ] || [[ $2 =~ ^[1-9][0-9]{0,6}$ ]] || fail "$1 needs a number from 1 on, not $2"
    printf -v "$name" %s "$2"
    shift 2
  done
  [ "$(id -u)" = 0 ] || fail 'run this as root: it mounts filesystems'
  if [ ! -x "$vice" ] || [ ! -x "$venus" ]; then fail 'there is no build: scripts/run or scripts/test makes one'; fi
  RANDOM=${seed:-1}
}

# chance NUMBER: sets picked, from 0 up to but not including NUMBER. No command substitution: that has a RANDOM of its own.
chance() { picked=$((RANDOM % $1)); }

# pause: half a second to two and a half.
pause() { sleep "$((RANDOM % 2)).$((RANDOM % 5 + 5))"; }

# name_clients: sets names to as many of a, b, c … as clients says.
name_clients() {
  names=(a b c d e f g h)
  if [ "$clients" -lt 2 ] || [ "$clients" -gt ${#names[@]} ]; then fail "--clients: 2 to ${#names[@]}"; fi
  names=("${names[@]:0:$clients}")
}

# other_than CLIENT: sets other to the client after it, in a circle.
other_than() {
  local i
  for i in "${!names[@]}"; do
    [ "${names[i]}" != "$1" ] || other=${names[(i + 1) % ${#names[@]}]}
  done
}

# begin_writer CLIENT FOLDER NUMBER [OPTION]...: waits for its first acknowledged operation; its journal is $work/FOLDER.journal.
begin_writer() {
  local client=$1 folder=$2 number=$3
  shift 3
  python3 "$root/tests/stress/acknowledged.py" write "$work/$client/$folder" "$work/$folder.journal" --worker "$folder" --seed "$((seed * 1000 + number))" "$@" >"$work/$folder.out" 2>&1 &
  writer_pids[$folder]=$!
  within 60 has_acknowledged "$work/$folder.journal"
}

has_acknowledged() { grep -qs '"done"' "$1"; }

# end_writers: those that go on are asked to end; those whose mount is gone have ended. Each is one check where it does not end well.
end_writers() {
  local folder
  for folder in "${!writer_pids[@]}"; do : >"$work/$folder.journal.end"; done
  for folder in "${!writer_pids[@]}"; do
    if ! within 60 ended "${writer_pids[$folder]}"; then
      kill -KILL "${writer_pids[$folder]}"
      not_ok "writer-$folder" 'does not end'
    fi
    wait "${writer_pids[$folder]}" || not_ok "writer-$folder" "ended with $?: $(tail -n 1 "$work/$folder.out")"
    unset "writer_pids[$folder]"
  done
}

# verify_writer CLIENT FOLDER: one check; adds to the counts.
verify_writer() {
  local said pattern='^([0-9]+) operations, ([0-9]+) acknowledged, ([0-9]+) failed, ([0-9]+) verified, ([0-9]+) held open, ([0-9]+) lost$'
  timeout 120 python3 "$root/tests/stress/acknowledged.py" verify "$work/$1/$2" "$work/$2.journal" >"$work/verify.out" 2>&1 || true
  said=$(tail -n 1 "$work/verify.out")
  if [[ $said =~ $pattern ]]; then
    operations=$((operations + BASH_REMATCH[1])) acknowledged=$((acknowledged + BASH_REMATCH[2])) failed=$((failed + BASH_REMATCH[3]))
    verified=$((verified + BASH_REMATCH[4])) held=$((held + BASH_REMATCH[5])) lost=$((lost + BASH_REMATCH[6]))
    if [ "${BASH_REMATCH[6]}" = 0 ] && [ "${BASH_REMATCH[2]}" -gt 0 ]; then
      ok "$2-seen-by-$1"
      return
    fi
  else
    lost=$((lost + 1))
  fi
  head -n 20 "$work/verify.out"
  not_ok "$2-seen-by-$1" "$said"
}

# confirm COUNT NAME COMMAND...: a check that so many acknowledged things are there; they count as lost where it fails.
confirm() {
  local count=$1 before=$status
  shift
  status=0
  check "$@"
  operations=$((operations + count)) acknowledged=$((acknowledged + count)) verified=$((verified + count))
  lost=$((lost + count * status)) status=$((status | before))
}

# check_disk: the server's data, when it is stopped.
check_disk() {
  check salvage-finds-nothing "$vice" salvage --data "$work/data"
  check scrub-finds-nothing "$vice" scrub --data "$work/data"
}

# end_cell: everything stops as it should, and the server's data is checked.
end_cell() {
  local name
  for name in "${!client_pids[@]}"; do stop_client "$name"; done
  end_server
  check_disk
}

# verdict WHAT: the last line, and the end.
verdict() {
  local result=passed
  [ "$status" = 0 ] || result=FAILED
  say "$(basename "$0"): seed ${seed:-1}, $1; $operations operations, $acknowledged acknowledged, $failed failed, $verified verified, lost: $lost: $result"
  exit "$status"
}
