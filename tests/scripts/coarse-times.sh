#!/bin/bash
# Caches on disks whose file times move in ticks (ext2, ext4 with small inodes, xfs): every close is seen by the other client, and stays.
# For longer: tests/scripts/coarse-times.sh [--rounds N] [--seed N] [--disk ext2|ext4-128|xfs|none]... [--io passthrough|daemon]...
set -u
rounds=500 seed=1 disks=() modes=()
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2 ;;
    --seed) seed=$2 ;;
    --disk) disks+=("$2") ;;
    --io) modes+=("$2") ;;
    *) sed -n '2,3s/^# //p' "$0"; exit 2 ;;
  esac
  shift 2
done
[ ${#disks[@]} -gt 0 ] || disks=(ext2 ext4-128 xfs)
[ ${#modes[@]} -gt 0 ] || modes=(passthrough daemon)
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"
. "$root/scripts/lib/disks.sh"

# closes_are_seen DISK IO
closes_are_seen() {
  local client
  for client in a b; do
    mkdir -p "$work/$1/$client-$2" && ln -sfn "$work/$1/$client-$2" "$work/$client.cache" && begin_client "$client" --io "$2" || return
  done
  mkdir "$work/a/$1-$2" && python3 "$root/tests/stress/in_place_writes.py" "$work/a/$1-$2" "$work/b/$1-$2" --rounds "$rounds" --seed "$seed"
  local result=$?
  stop_client a
  stop_client b
  return $result
}

need begin_server
for disk in "${disks[@]}"; do
  if [ "$disk" = none ]; then
    mkdir -p "$work/none"
  elif ! disk_of_type "$disk" 512; then
    echo "skip $disk: this machine can't make or mount one"
    continue
  fi
  for mode in "${modes[@]}"; do
    check "closes-are-seen-$disk-$mode" closes_are_seen "$disk" "$mode"
    tail -n 1 "$work/check.out"
  done
done
exit $status
