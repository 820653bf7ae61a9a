# The demo's cell on hosts in network namespaces. Needs: cell.sh, telling.sh, lease.

. "$root/scripts/lib/hosts.sh"

begin_cell() {
  [ "$(id -u)" = 0 ] || fail 'run this as root: it mounts filesystems'
  if [ ! -x "$vice" ] || [ ! -x "$venus" ] || [ ! -x "$afs" ]; then fail 'there is no build: scripts/run or scripts/test makes one'; fi
  server_options=(--lease-ms "${lease}000")
  begin_hosts server 1 2 3
  server=$host_subnet.1:7000
  need begin_server
  for number in 1 2 3; do need begin_client "$number"; done
  say "A server and three clients, each on a host of its own (network namespaces)."
}

end_cell() {
  for number in 1 2 3; do stop_client "$number"; done
  end_server
}

at() { PATH="$(dirname "$venus"):$(dirname "$afs"):$PATH" on_host "$1" sh -c "${2//\/mnt\/afs/$work/$1}"; }

client_status() { timeout 20 "$venus" status "$work/$1" --json; }

server_status() { timeout 20 nsenter "--net=/run/netns/${host_namespaces[server]}" "$vice" status --server "$server" --json; }

kill_client() {
  kill_now "${client_pids[$1]}"
  timeout 10 umount -l "$work/$1"
}

start_client() { need begin_client "$1"; }

kill_server() { kill_now "$vice_pid"; }

start_server() { need begin_server; }

cut() { break_link cut "$1"; }

heal() { heal_link cut "$1"; }
