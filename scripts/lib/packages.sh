# Debian packages and the .NET SDK. Nothing is fetched when nothing is missing.

apt_timeout_s=300

# A fresh machine updates itself for minutes, and holds apt's locks meanwhile.
apt_lock_wait_s=${AFS_APT_WAIT_S:-900}

is_installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }

# install_missing PACKAGE...: installs those that are not there, with one retry.
install_missing() {
  missing=''
  for package in "$@"; do
    is_installed "$package" || missing="$missing $package"
  done
  [ -z "$missing" ] && return 0
  command -v apt-get >/dev/null || fail "these packages are needed and there is no apt-get to install them:$missing"
  [ "$(id -u)" = 0 ] || fail "these packages are needed; install them or run this as root:$missing"

  say "installing$missing"
  apt_install $missing || { sleep 5; apt_install $missing; } || fail "could not install:$missing"
}

apt_install() {
  apt_patiently update -qq && apt_patiently install -y -qq --no-install-recommends "$@"
}

# apt_patiently ARGUMENT...: apt-get, which waits for another process that has its locks, and says so once. apt's own DPkg::Lock::Timeout doesn't wait for
# the lock of the lists.
apt_patiently() {
  apt_waited_s=0
  while :; do
    apt_errors=$(LC_ALL=C DEBIAN_FRONTEND=noninteractive timeout "$apt_timeout_s" apt-get "$@" 2>&1 >/dev/null) && return 0
    apt_code=$?
    case $apt_errors in
      *'Could not get lock'* | *'Unable to lock '* | *'Unable to acquire '*) is_apt_locked=yes ;;
      *) is_apt_locked=no ;;
    esac
    if [ "$is_apt_locked" = no ] || [ "$apt_waited_s" -ge "$apt_lock_wait_s" ]; then
      printf '%s\n' "$apt_errors" >&2
      return "$apt_code"
    fi
    [ "$apt_waited_s" -gt 0 ] || say "apt is locked; waiting for at most $apt_lock_wait_s s: $(printf '%s\n' "$apt_errors" | head -n 1)"
    sleep 2
    apt_waited_s=$((apt_waited_s + 2))
  done
}

# require_sdk: the SDK that global.json asks for; without it, the one line that installs it.
require_sdk() {
  if ! (cd "$root" && dotnet --version) >/dev/null 2>&1; then
    warn 'the .NET 10 SDK is missing; this installs it:'
    printf '%s\n' '  apt-get install -y curl libicu-dev && curl -fsSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0 --install-dir /usr/share/dotnet && ln -sf /usr/share/dotnet/dotnet /usr/bin/dotnet' >&2
    exit 1
  fi
  # A program's own host looks here for the runtime.
  DOTNET_ROOT=$(dirname "$(readlink -f "$(command -v dotnet)")")
  export DOTNET_ROOT DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
  # No compiler or build server outlives the command that needed it.
  export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0
}
