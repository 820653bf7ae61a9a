#!/bin/bash
# Access lists with the programs that people use: the same steps on the local disk and on a mount give the same lists, a second client sees each change
# at once and decides by it, and warm lists cost no call.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"
. "$root/scripts/lib/packages.sh"
user=12345 other=23456

# as USER GROUP COMMAND...: without any capability.
as() { setpriv --reuid "$1" --regid "$2" --clear-groups -- "${@:3}"; }

# lists DIR: what every name below has, without the folder's own path.
lists() { (cd "$1" && find . | LC_ALL=C sort | while IFS= read -r name; do [ -L "$name" ] || getfacl -n -p -- "$name"; stat -c '%A %u %g' -- "$name"; done); }

# story DIR: makes and changes lists in an empty folder, by one user after the other.
story() (
  umask 027
  chmod 755 "$1" && cd "$1" || exit 1
  mkdir shared && setfacl -m "u:$user:rwx,d:u:$user:rwx,d:g:777:rx,d:o::-" shared
  as "$user" "$user" bash -c 'umask 077; echo one >shared/one; mkdir -p shared/deep/er; echo two >shared/deep/er/two; mkfifo shared/pipe; ln -s one shared/link'
  cp shared/one copied; cp -a shared/one kept; setfacl -m "u:$user:-,g:777:rw,m::r" copied
  chmod 750 shared/deep; chmod g-w shared/one
  setfacl -b shared/pipe; setfacl -k shared/deep; setfacl -x "u:$user" copied
  mkdir moved && setfacl -m "d:u:$other:rwx" moved && mv shared/one moved/one && touch moved/two
  chown "$user:$user" moved/one
  getfacl -R -n shared >shared.lists 2>/dev/null && cp -a shared restored && setfacl -R -b restored
  (mkdir again && cp -r restored again/shared && cd again && setfacl --restore=../shared.lists) && rm shared.lists
)

# decisions DIR: who may do what there, a line each.
decisions() {
  local who name
  for who in "$user" "$other" 777; do
    for name in . shared shared/deep shared/deep/er/two shared/pipe copied kept moved moved/one moved/two restored/deep again/shared/deep/er; do
      printf '%s %s:' "$who" "$name"
      as "$who" "$who" test -r "$1/$name" && printf ' r'
      as "$who" "$who" test -w "$1/$name" && printf ' w'
      as "$who" "$who" test -x "$1/$name" && printf ' x'
      printf '\n'
    done
  done
}

same() { diff -u "$1" "$2" >"$work/diff" || { head -n 20 "$work/diff" | tr '\n' '|'; return 1; }; }

copies_with() {
  mkdir "$work/local.$1" "$work/a/$1" || return 1
  case $1 in
    cp) cp -a "$work/local/." "$work/a/cp" && cp -a "$work/a/cp/." "$work/local.cp" ;;
    rsync) rsync -aHAX "$work/local/" "$work/a/rsync" && rsync -aHAX "$work/a/rsync/" "$work/local.rsync" ;;
    tar) (cd "$work/local" && tar --acls -cf "$work/one.tar" .) && tar --acls -xpf "$work/one.tar" -C "$work/a/tar" &&
      (cd "$work/a/tar" && tar --acls -cf "$work/two.tar" .) && tar --acls -xpf "$work/two.tar" -C "$work/local.tar" ;;
  esac 2>"$work/$1.err" || { head -n 3 "$work/$1.err" | tr '\n' ' '; return 1; }
  [ ! -s "$work/$1.err" ] || { head -n 3 "$work/$1.err" | tr '\n' ' '; return 1; }
  lists "$work/a/$1" >"$work/there"; lists "$work/local.$1" >"$work/back"
  same "$work/local.lists" "$work/there" && same "$work/local.lists" "$work/back"
}

# Each round: a gives and takes, b decides at once.
second_client_decides() {
  local i
  mkdir "$work/a/two" && chmod 711 "$work/a/two" && echo secret >"$work/a/two/f" && chmod 600 "$work/a/two/f" || return 1
  for i in $(seq 30); do
    setfacl -m "u:$user:r" "$work/a/two/f" || return 1
    [ "$(as "$user" "$user" cat "$work/b/two/f" 2>&1)" = secret ] || { echo "round $i: b refuses what a gave"; return 1; }
    [ "$(stat -c %A "$work/b/two/f")" = "-rw-r-----" ] || { echo "round $i: b shows another mode"; return 1; }
    setfacl -b "$work/a/two/f" && chmod 600 "$work/a/two/f" || return 1
    ! as "$user" "$user" cat "$work/b/two/f" >/dev/null 2>&1 || { echo "round $i: b allows what a took"; return 1; }
    # By a folder's list, with a process of b working in it.
    setfacl -m "u:$user:rwx" "$work/b/two" || return 1
    as "$user" "$user" touch "$work/a/two/$i" || { echo "round $i: a refuses what b gave"; return 1; }
    setfacl -x "u:$user" "$work/b/two" || return 1
    ! as "$user" "$user" touch "$work/a/two/no$i" 2>/dev/null || { echo "round $i: a allows what b took"; return 1; }
  done
}

# A default list that b sets counts for what a makes next.
second_client_inherits() {
  mkdir "$work/a/three" && ls "$work/a/three" && setfacl -m "d:u:$user:rwx" "$work/b/three" || return 1
  (umask 077; echo x >"$work/a/three/f"; mkdir "$work/a/three/d")
  getfacl -n -p "$work/b/three/f" | grep -qx "user:$user:rwx.*" || { getfacl -n -p "$work/b/three/f" | tr '\n' ' '; return 1; }
  getfacl -n -p "$work/b/three/d" | grep -qx "default:user:$user:rwx" || { echo "no default list below"; return 1; }
}

plus_is_shown() {
  [ "$(ls -l "$work/b" | grep -c '^[-drwx]*+')" = "$(ls -l "$work/local" | grep -c '^[-drwx]*+')" ] &&
    ls -ld "$work/b/shared" | grep -q '^drwxrwx.*+ '
}

# fetches NAME: calls of a client for statuses, names, contents and xattrs.
fetches() { figure "$1" 'sum(count for name, count in s["calls"].items() if name.startswith("fetch") or name == "validate")'; }

# warm_is_free COMMAND...: the second time it costs no call.
warm_is_free() {
  "$@" >/dev/null 2>&1 && "$@" >/dev/null 2>&1 || return 1
  local before after
  before=$(fetches b); "$@" >/dev/null 2>&1; after=$(fetches b)
  [ -n "$before" ] && [ "$before" = "$after" ] || { echo "$((after - before)) calls"; return 1; }
}

# What has no list, and no xattr, costs no call to look for one, also where it is seen for the first time.
plain_files_cost_nothing() {
  local before after
  mkdir "$work/a/plain" && (cd "$work/a/plain" && touch $(seq 200)) && ls "$work/b/plain" >/dev/null && stat "$work/b/plain/"* >/dev/null || return 1
  before=$(fetches b)
  ls -l "$work/b/plain" >/dev/null && getfacl -R -p "$work/b/plain" >/dev/null && as "$user" "$user" find "$work/b/plain" -readable >/dev/null
  after=$(fetches b)
  [ "$before" = "$after" ] || { echo "$((after - before)) calls for 200 files"; return 1; }
}

survives_a_restart() {
  lists "$work/a" >"$work/before.lists"
  end_server && begin_server && lists "$work/a" >"$work/after.lists" && same "$work/before.lists" "$work/after.lists" || return 1
  stop_client b && begin_client b && lists "$work/b" >"$work/after.lists" && same "$work/before.lists" "$work/after.lists"
}

salvage_finds_nothing_wrong() {
  stop_client a && stop_client b && end_server && "$vice" salvage --data "$work/data"
}

install_missing acl rsync
chmod 755 "$work"
need begin_server
need begin_client a --io "${1:-auto}"
need begin_client b --io "${1:-auto}"
mkdir "$work/local"
check story-on-the-local-disk story "$work/local"
check story-on-a-mount story "$work/a"
for where in local a b; do
  lists "$work/$where" >"$work/$where.lists"
  decisions "$work/$where" >"$work/$where.decisions"
done
[ "$(grep -c '^user:[0-9]' "$work/local.lists")" -ge 8 ] || not_ok control "the local disk has no lists: $(stat -f -c %T "$work")"
check same-lists-as-the-local-disk same "$work/local.lists" "$work/a.lists"
check same-decisions-as-the-local-disk same "$work/local.decisions" "$work/a.decisions"
check same-lists-on-a-second-client same "$work/local.lists" "$work/b.lists"
check same-decisions-on-a-second-client same "$work/local.decisions" "$work/b.decisions"
check plus-is-shown plus_is_shown
check warm-lists-cost-no-call warm_is_free ls -lR "$work/b"
check warm-decisions-cost-no-call warm_is_free decisions "$work/b"
check plain-files-cost-nothing plain_files_cost_nothing
check second-client-decides-at-once second_client_decides
check second-client-inherits-at-once second_client_inherits
for program in cp rsync tar; do check "$program-carries-lists-both-ways" copies_with "$program"; done
check lists-survive-restarts survives_a_restart
check salvage-finds-nothing-wrong salvage_finds_nothing_wrong
exit $status
