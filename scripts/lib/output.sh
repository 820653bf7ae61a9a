# What the scripts say, and how. Colours only on a terminal.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$(printf '\033[1m') red=$(printf '\033[31m') green=$(printf '\033[32m') plain=$(printf '\033[0m')
else
  bold='' red='' green='' plain=''
fi

say() { printf '%s\n' "$bold$*$plain"; }
good() { printf '%s\n' "$green$*$plain"; }
warn() { printf '%s\n' "$red$*$plain" >&2; }

# fail MESSAGE: one clear line, and the end.
fail() {
  warn "scripts/$(basename "$0"): $*"
  exit 1
}
