# What a run started and must not leave behind: processes, mounts, network namespaces.
# Every process of a run inherits AFS_RUN_ID; mounts are made below AFS_RUN_DIR; namespaces are named AFS_RUN_ID-something.

# processes_of_run: the processes that were started with this run's mark. A shell that sets the mark itself does not
# carry it in its environment, nor do its subshells; the grep that looks is gone when it is looked for.
processes_of_run() {
  for pid in $(grep -lzx "AFS_RUN_ID=$AFS_RUN_ID" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3); do
    [ -e "/proc/$pid/stat" ] && echo "$pid"
  done
}

# mounts_of_run: device number and path of each mount below the run's directory, the newest first.
mounts_of_run() { awk -v dir="$AFS_RUN_DIR/" 'index($5, dir) == 1 { print $3, $5 }' /proc/self/mountinfo | tac; }

namespaces_of_run() { ip netns list 2>/dev/null | awk -v id="$AFS_RUN_ID-" 'index($1, id) == 1 { print $1 }'; }

# abort_connection DEVICE: ends a FUSE connection, so that whatever hangs on it comes back.
abort_connection() {
  connection=/sys/fs/fuse/connections/${1#0:}/abort
  [ -w "$connection" ] && echo 1 >"$connection"
}

# clean_up_run: ends and removes all of it; says what it found. Returns 1 when there was something.
clean_up_run() {
  found=0
  for pid in $(processes_of_run); do
    warn "left behind: process $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
    kill -KILL "$pid" 2>/dev/null
    found=1
  done
  mounts_of_run | while read -r device path; do
    warn "left behind: mount $path"
    abort_connection "$device"
    timeout 10 umount -l "$path"
  done
  [ -n "$(mounts_of_run)" ] && found=1
  for namespace in $(namespaces_of_run); do
    warn "left behind: network namespace $namespace"
    ip netns del "$namespace"
    found=1
  done
  return $found
}
