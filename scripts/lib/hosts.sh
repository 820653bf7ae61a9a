# Hosts of their own for the daemons of a cell: network namespaces, each with one cable to a switch. Needs: cell.sh, root, iproute2, iptables.
# The switch has a namespace too, where no firewall of this machine reaches. Mounts and folders stay those of this machine.

. "$root/scripts/lib/packages.sh"

# Named after the run, so that scripts/test finds what is left.
host_prefix=${AFS_RUN_ID:-afs-$$}-$$
host_switch=$host_prefix-switch
host_subnet=10.83.7
declare -A host_numbers=()

# begin_hosts NAME...: the first has the address $host_subnet.1, the next .2. Where this machine makes none, says so and ends.
begin_hosts() {
  local name number=0
  install_missing iproute2 iptables
  at_end+=(end_hosts)
  if ! make_switch >"$work/hosts.out" 2>&1; then
    echo "skip $(basename "$0"): this machine makes no network namespaces: $(tail -n 1 "$work/hosts.out")"
    exit 0
  fi
  for name in "$@"; do
    number=$((number + 1))
    need make_host "$name" "$number"
  done
}

make_switch() {
  ip netns add "$host_switch" &&
    ip -n "$host_switch" link add switch type bridge &&
    ip -n "$host_switch" link set switch up &&
    nsenter "--net=/run/netns/$host_switch" true
}

make_host() {
  local namespace=$host_prefix-$1
  host_namespaces[$1]=$namespace host_numbers[$1]=$2
  ip netns add "$namespace" &&
    ip -n "$host_switch" link add "port$2" type veth peer name eth0 netns "$namespace" &&
    ip -n "$host_switch" link set "port$2" master switch up &&
    ip -n "$namespace" address add "$host_subnet.$2/24" dev eth0 &&
    ip -n "$namespace" link set lo up &&
    ip -n "$namespace" link set eth0 up
}

end_hosts() {
  local name
  for name in "${!host_namespaces[@]}"; do ip netns del "${host_namespaces[$name]}" 2>/dev/null; done
  ip netns del "$host_switch" 2>/dev/null
  host_namespaces=()
}

# on_host NAME COMMAND...
on_host() {
  local namespace=${host_namespaces[$1]}
  shift
  nsenter "--net=/run/netns/$namespace" "$@"
}

# break_link KIND HOST: cut: its cable is pulled; mute: what it sends is lost; deaf: what is sent to it is lost.
break_link() {
  case $1 in
    cut) ip -n "$host_switch" link set "port${host_numbers[$2]}" down ;;
    mute) on_host "$2" iptables -w -A OUTPUT -o eth0 -j DROP ;;
    deaf) on_host "$2" iptables -w -A INPUT -i eth0 -j DROP ;;
  esac
}

# heal_link KIND HOST
heal_link() {
  case $1 in
    cut) ip -n "$host_switch" link set "port${host_numbers[$2]}" up ;;
    mute) on_host "$2" iptables -w -D OUTPUT -o eth0 -j DROP ;;
    deaf) on_host "$2" iptables -w -D INPUT -i eth0 -j DROP ;;
  esac
}

# limit_rate HOST MBIT: of what it sends.
limit_rate() { on_host "$1" tc qdisc add dev eth0 root tbf rate "$2mbit" burst 32kb latency 100ms; }

unlimit_rate() { on_host "$1" tc qdisc del dev eth0 root; }

# bytes_sent HOST: by its cable, since it began.
bytes_sent() { on_host "$1" cat /proc/net/dev | awk '$1 == "eth0:" { print $10 }'; }
