# Shared by the scripts of deploy/ and tests/; source it, do not run it.
# After sourcing: $root is the repository, $cache where fetched things lie, $bin the built program.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${TRIBUTARY_CACHE:-$root/.cache}
build=$root/build/release
bin=$build/tributary
shared=${TRIBUTARY_SHARED:-$root/../shared}
export TRIBUTARY_CACHE=$cache

say() { printf '%s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$1" >&2; [ $# -lt 2 ] || printf '  %s\n' "$2" >&2; exit 1; }

# as_root COMMAND…: directly as root, else through sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null 2>&1; then sudo -n "$@" || sudo "$@"
  else die "this step needs root: $*" "Run it as root, or install sudo."
  fi
}

# need_debian PACKAGE…: installs what is missing; says nothing when nothing is.
need_debian() {
  local missing=() p
  for p in "$@"; do
    # A package counts as there when dpkg has it, or when it is a tool that is already on the path (node, npm, …).
    if ! dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed'; then
      case $p in
        nodejs) command -v node >/dev/null && continue ;;
        npm|git|curl|jq|cmake|ccache|maven) command -v "${p/maven/mvn}" >/dev/null && continue ;;
        python3) command -v python3 >/dev/null && continue ;;
        python3-venv) python3 -c 'import venv, ensurepip' 2>/dev/null && continue ;;
        default-jdk-headless) command -v javac >/dev/null && continue ;;
      esac
      missing+=("$p")
    fi
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "apt-get is not here; Tributary is built on Debian 12" "Needed: ${missing[*]}"
  say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  local log; log=$(mktemp)
  if ! { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    die "Debian packages could not be installed: ${missing[*]}" "The last lines of apt-get stand above. Is the package mirror reachable?"
  fi
  rm -f "$log"
}

# build_targets TARGET…: configures once and builds; prints only what went wrong.
build_targets() {
  export CCACHE_DIR=${CCACHE_DIR:-$cache/ccache}
  export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$root}  # a compilation in one clone serves another clone that shares the cache
  local log=$build.log
  mkdir -p "$root/build"
  if [ ! -f "$build/build.ninja" ]; then
    (cd "$root" && cmake --preset release) >"$log" 2>&1 || { tail -n 30 "$log" >&2; die "cmake could not configure the build" "The whole log: $log"; }
  fi
  if ! ninja -C "$build" -n "$@" 2>/dev/null | grep -q 'no work to do'; then
    say "Building (release preset): $*"
  fi
  ninja -C "$build" "$@" >"$log" 2>&1 || { grep -E -A8 'error|FAILED' "$log" | head -n 60 >&2; die "the build failed" "The whole log: $log"; }
}

# free_port: a TCP port of the loopback that nobody listens on just now.
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

# wait_http URL SECONDS: until it answers anything; fails when it does not.
wait_http() {
  local end=$((SECONDS + $2))
  until curl -s -o /dev/null --max-time 2 "$1"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.2
  done
}
