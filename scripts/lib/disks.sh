# Small disks that can be filled: ext4 in a file. Needs: cell.sh, root, loop devices.

. "$root/scripts/lib/packages.sh"

# small_disk NAME MEBIBYTES: mounted at $work/NAME. Where this machine has no loop device left: a tmpfs.
small_disk() {
  install_missing e2fsprogs
  mkdir -p "$work/$1" "$work/disks"
  truncate -s "$2M" "$work/disks/$1"
  mkfs.ext4 -q -m 0 -E nodiscard "$work/disks/$1"
  if ! mount -o loop "$work/disks/$1" "$work/$1" 2>"$work/disks.out"; then
    warn "no loop device ($(tail -n 1 "$work/disks.out")): $1 is a tmpfs"
    mount -t tmpfs -o "size=$2m" none "$work/$1"
    return
  fi
  rmdir "$work/$1/lost+found"
}

# fill_disk NAME BYTES: until so many are left, or, with 0, until there is no room for another block.
fill_disk() {
  local length=$((64 << 20)) room
  while [ $length -ge 4096 ]; do
    room=$(($(stat -f -c '%a * %S' "$work/$1")))
    if [ $((room - length)) -lt "$2" ] || ! fallocate -l "$length" "$work/$1/ballast$(date +%N)" 2>/dev/null; then length=$((length / 2)); fi
  done
}

empty_disk() { rm -f "$work/$1"/ballast*; }
