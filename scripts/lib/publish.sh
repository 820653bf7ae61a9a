# The programs as the package ships them: compiled ahead of time (ReadyToRun), so that none compiles itself while it begins to work. Needs: root, output.sh.

# runtime_here: what .NET calls this machine; fails where there is no build for it.
runtime_here() {
  case $(uname -m) in
    x86_64) echo linux-x64 ;;
    aarch64) echo linux-arm64 ;;
    *) return 1 ;;
  esac
}

# publish SOURCE OUT OPTION... -- PROJECT...: for this machine, by a copy of src at SOURCE, for a build for one runtime has other lock files. A copy that is there already makes the next build short.
publish() {
  local source=$1 out=$2 options=() project runtime
  runtime=$(runtime_here) || fail "there is no build for $(uname -m)"
  shift 2
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  mkdir -p "$source"
  rm -rf "$source/src"
  cp -a "$root/src" "$root/Directory.Build.props" "$root/Directory.Packages.props" "$root/global.json" "$root/.editorconfig" "$source"
  for project in "$@"; do
    say "publishing $project"
    (cd "$source" && dotnet publish "src/$project" -c Release -r "$runtime" -o "$out" -v quiet -nodeReuse:false \
      -p:PublishReadyToRun=true -p:SatelliteResourceLanguages=en -p:DebugType=none "${options[@]}") >"$source/publish.log" 2>&1 ||
      { cat "$source/publish.log" >&2; fail "$project can't be published"; }
  done
}
