# Small disks that can be filled: ext4 in a file. Needs: cell.sh, root, loop devices.

. "$root/scripts/lib/packages.sh"

# small_disk NAME MEBIBYTES [FILESYSTEM]: mounted at $work/NAME; ext4, or ext2, ext3, xfs (from 300 MiB on). Where this machine has no loop device left: a tmpfs.
small_disk() {
  local kind=${3:-ext4}
  mkdir -p "$work/$1" "$work/disks"
  truncate -s "$2M" "$work/disks/$1"
  case $kind in
    xfs) install_missing xfsprogs && mkfs.xfs -q -K "$work/disks/$1" ;;
    *) install_missing e2fsprogs && "mkfs.$kind" -q -m 0 -E nodiscard "$work/disks/$1" ;;
  esac || return
  if ! mount -o loop "$work/disks/$1" "$work/$1" 2>"$work/disks.out"; then
    warn "no loop device ($(tail -n 1 "$work/disks.out")): $1 is a tmpfs"
    mount -t tmpfs -o "size=$2m" none "$work/$1"
    return
  fi
  [ "$kind" = xfs ] || rmdir "$work/$1/lost+found"
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

# disk_of_type TYPE MEBIBYTES: a filesystem of its own, mounted at $work/TYPE: ext2, ext4-128 (inodes without room for parts of a second) or xfs. Fails where
# this machine can't make one or its kernel doesn't know it.
disk_of_type() {
  install_missing e2fsprogs
  mkdir -p "$work/$1" "$work/disks"
  truncate -s "$2M" "$work/disks/$1"
  case $1 in
    ext2) mkfs.ext2 -q -m 0 -E nodiscard "$work/disks/$1" ;;
    ext4-128) mkfs.ext4 -q -m 0 -I 128 -E nodiscard "$work/disks/$1" ;;
    xfs) install_missing xfsprogs; mkfs.xfs -q "$work/disks/$1" ;;
    *) return 1 ;;
  esac >"$work/disks.out" 2>&1 || return
  mount -o loop "$work/disks/$1" "$work/$1" 2>"$work/disks.out"
}
