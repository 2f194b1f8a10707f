# Sourced by ./run and ./test: which Debian packages are needed, and a function that installs them.
# The library itself needs the first list only.

packages_to_build=(g++ cmake ninja-build pkg-config libssl-dev libisal-dev libmsgpack-cxx-dev)
packages_for_examples=(libcpp-httplib-dev)
packages_for_adapters=(libcpp-httplib-dev libboost-dev libpoco-dev)  # of hybrid::http
packages_for_program=(libcli11-dev nlohmann-json3-dev libfmt-dev liblua5.1-0-dev liblzf-dev lua-cjson lua-cjson-dev)
packages_to_test=(libgtest-dev libgmock-dev librapidcheck-dev python3 strace clang-format-19
  xfsprogs fiu-utils valgrind)
packages_for_bench=(libbenchmark-dev)
packages_for_rivals=(libabsl-dev libboost-dev libhiredis-dev libleveldb-dev liblmdb-dev libmemcached-dev
  librocksdb-dev libsqlite3-dev memcached redis-server)
packages_to_fuzz=(clang-19 libclang-rt-19-dev)

# What only the whole test needs: session clients of other languages, a browser, a proxy, frameworks of docs/adapters.md.
packages_for_clients=(chromium libasio-dev libhttp-parser-dev libpistache-dev librestinio-dev nginx-light golang-go golang-github-boj-redistore-dev golang-gopkg-redis.v5-dev libhiredis-dev
  php-cli php-predis php-redis python3-django python3-django-redis python3-django-redis-sessions
  python3-flask-session python3-redis redis-server redis-tools ruby ruby-rack ruby-redis ruby-redis-rack ruby-webrick)
# Those who have Node from elsewhere have npm with it, and Debian's would not go beside it.
for name in node npm; do
  if ! command -v "$name" >/dev/null; then packages_for_clients+=("${name/%node/nodejs}"); fi
done

# need_packages NAME...: installs those that are missing. Quick when none is.
need_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "This is not Debian, so nothing is installed. Needed, by their Debian names: $*" >&2
    return 0
  fi
  local missing=() name
  for name in "$@"; do
    if [[ $(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) != installed ]]; then
      missing+=("$name")
    fi
  done
  if [[ ${#missing[@]} -eq 0 ]]; then return 0; fi

  local as_root=()
  if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null || ! sudo -v; then
      echo "Packages are missing, and neither root nor sudo is there to install them. As root, run:" >&2
      echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "Installing packages: ${missing[*]}" >&2
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get install -y -q --no-install-recommends "${missing[@]}")
  # The package lists may be absent, or too old to find what they name.
  if ! "${install[@]}" >/dev/null 2>&1 && ! { "${as_root[@]}" apt-get update -q >&2 && "${install[@]}" >&2; }; then
    echo "Could not install: ${missing[*]}" >&2
    return 1
  fi
  # Servers that Debian has started with their packages: ours start their own.
  for name in "${missing[@]}"; do
    case $name in
      nginx-light) "${as_root[@]}" systemctl disable --now nginx >/dev/null 2>&1 || true ;;
      redis-server | memcached) "${as_root[@]}" systemctl disable --now "$name" >/dev/null 2>&1 || true ;;
    esac
  done
}
