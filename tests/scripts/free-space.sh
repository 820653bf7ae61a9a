#!/bin/bash
# What df tells of a mount is what the server's disk has for it, also after a pause, and all of it can be written.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"
. "$root/scripts/lib/disks.sh"
disk_mib=256

free_on() { echo $(($(stat -f -c '%f * %S' "$1"))); }
available_on() { echo $(($(stat -f -c '%a * %S' "$1"))); }

# about A B BYTES: they differ by less.
about() { [ $(($1 > $2 ? $1 - $2 : $2 - $1)) -lt "$3" ] || { echo "$1 instead of $2"; return 1; }; }

# As soon as a second is over the first answer is the true one: the pause is what the case is about.
tells_the_truth_after_a_pause() {
  stat -f "$work/b" >/dev/null
  head -c $((60 << 20)) /dev/urandom >"$work/a/f" || return 1
  sync -f "$work/disk"
  sleep 1.2
  about "$(free_on "$work/b")" "$(free_on "$work/disk")" $((10 << 20))
}

keeps_back_what_the_server_does() { about "$(available_on "$work/b")" $(($(free_on "$work/b") - $(($(stat -f -c '%b * %S' "$work/disk"))) / 32)) $((1 << 20)); }

# All that is told as available can be written, and what is kept back can't.
all_of_it_can_be_written() {
  local part=$((4 << 20)) available i
  available=$(available_on "$work/b")
  for ((i = 0; i < (available - 2 * part) / part; i++)); do
    head -c $part /dev/urandom >"$work/a/part$i" || { echo "$((i * part)) of $available bytes"; return 1; }
  done
  for ((i = 0; i < 8; i++)); do head -c $part /dev/urandom >"$work/a/more$i" || break; done
  [ $i -lt 8 ] || { echo "32 MiB more than told could be written"; return 1; }
  sleep 1.2
  [ "$(available_on "$work/b")" -lt $((2 * part)) ]
}

need small_disk disk "$disk_mib"
mkdir "$work/disk/data"
start_vice_there() { enter server; start_vice "$work/disk/data" "$server" "$work/vice.log"; }
need start_vice_there
need begin_client a
need begin_client b
check tells-the-truth-after-a-pause tells_the_truth_after_a_pause
check keeps-back-what-the-server-does keeps_back_what_the_server_does
check all-of-it-can-be-written all_of_it_can_be_written
exit $status
