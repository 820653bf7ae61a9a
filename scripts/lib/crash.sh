# What the two crash scripts share: options, pauses by chance, writers with journals. Needs: cell.sh.

# read_options USAGE [OPTION]...: sets seconds, seed and mode.
read_options() {
  local usage=$1
  shift
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h) echo "$usage"; exit 0 ;;
      --seconds | --seed | --io) [ $# -ge 2 ] || fail "$1 needs a value" ;;&
      --seconds) seconds=$2; shift 2 ;;
      --seed) seed=$2; shift 2 ;;
      --io) mode=$2; shift 2 ;;
      *) echo "$usage" >&2; exit 2 ;;
    esac
  done
  RANDOM=$seed
}

# pause: half a second to two and a half, by the seed.
pause() { sleep "$((RANDOM % 2)).$((RANDOM % 5 + 5))"; }

# begin_writer CLIENT FOLDER NUMBER [OPTION]...: sets writer_pid, and waits for its first acknowledged operation; its journal is $work/FOLDER.journal.
begin_writer() {
  local client=$1 folder=$2 number=$3
  shift 3
  python3 "$root/tests/stress/acknowledged.py" write "$work/$client/$folder" "$work/$folder.journal" --worker "$folder" --seed "$((seed * 1000 + number))" "$@" >"$work/$folder.out" 2>&1 &
  writer_pid=$!
  within 60 has_acknowledged "$work/$folder.journal"
}

has_acknowledged() { grep -qs '"done"' "$1"; }

# verify_writer CLIENT FOLDER: one check; adds to acknowledged, failed, held and wrong.
verify_writer() {
  local said pattern='^([0-9]+) acknowledged, ([0-9]+) failed, [0-9]+ names, ([0-9]+) held open, ([0-9]+) wrong$'
  timeout 120 python3 "$root/tests/stress/acknowledged.py" verify "$work/$1/$2" "$work/$2.journal" >"$work/verify.out" 2>&1
  said=$(tail -n 1 "$work/verify.out")
  if [[ $said =~ $pattern ]]; then
    acknowledged=$((acknowledged + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    held=$((held + BASH_REMATCH[3])) wrong=$((wrong + BASH_REMATCH[4]))
    [ "${BASH_REMATCH[4]}" = 0 ] && [ "${BASH_REMATCH[1]}" -gt 0 ] && { ok "$2-seen-by-$1"; return; }
  else
    wrong=$((wrong + 1))
  fi
  head -n 20 "$work/verify.out"
  not_ok "$2-seen-by-$1" "$said"
}

# check_disk: the server's data, when it is stopped.
check_disk() {
  check salvage-finds-nothing "$vice" salvage --data "$work/data"
  check scrub-finds-nothing "$vice" scrub --data "$work/data"
}
