# Shared by demo, test, odoo and bench: gets what they need and says what it does.
# Each step is skipped when its result is there, and builds under a temporary name that is
# renamed at the end, so that an interrupted run simply goes on.
# shellcheck shell=bash
set -euo pipefail

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOCAL="$PROJECT/.local"
ODOO_PACKAGE=odoo-19
ADDON=invoice_payments_ext
# The Debian package's static files are links into these packages.
ODOO_LINKED_PACKAGES="libjs-jquery libjs-underscore libjs-jquery-form
  fonts-font-awesome fonts-roboto-unhinted fonts-inconsolata fonts-ocr-b"

mkdir -p "$LOCAL"
STEP_LOG="$LOCAL/setup.log"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() {
  printf '\033[1;31mStopped:\033[0m %s\n' "$*" >&2
  exit 1
}

# Run a quiet step; on failure end with one sentence that names the likely cause.
run_step() {
  local what=$1 status=0
  shift
  "$@" >"$STEP_LOG" 2>&1 || status=$?
  [ "$status" = 0 ] && return 0
  tail -n 15 "$STEP_LOG" >&2
  die "$what failed: $(explain_failure). The full output is in $STEP_LOG."
}

explain_failure() {
  if grep -qiE 'no space left|not enough free (disk )?space|disk quota' "$STEP_LOG" ||
    [ "$(df -Pk "$LOCAL" | awk 'NR==2 {print $4}')" -lt 102400 ]; then
    echo "there is no space left on the disk of $LOCAL"
  elif grep -qiE 'could not resolve|temporary failure|name resolution|unable to connect|connection (refused|timed out|failed)|network is unreachable|failed to establish a new connection|max retries' "$STEP_LOG"; then
    echo "the package registry cannot be reached (is there a network?)"
  elif grep -qiE 'could not get lock|unable to (acquire|lock)' "$STEP_LOG"; then
    echo "another package manager is running on this machine; try again when it has ended"
  else
    echo "see the lines above"
  fi
}

need_space() { # MEBIBYTES
  local free
  free=$(($(df -Pk "$LOCAL" | awk 'NR==2 {print $4}') / 1024))
  [ "$free" -ge "$1" ] ||
    die "$1 MiB of free space are needed in $LOCAL, there are $free MiB."
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "Installing Debian packages needs root or sudo, and this user has neither."
  fi
}

# One run of set-up at a time: two would build into each other's folders.
lock_setup() {
  exec 9>"$LOCAL/setup.lock"
  if ! flock -n 9; then
    say "Waiting for another set-up of this folder to end"
    flock 9
  fi
}
unlock_setup() { exec 9>&-; }

# === Debian packages === #

installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed'; }

refresh_package_lists() {
  [ -n "${PACKAGE_LISTS_FRESH:-}" ] && return 0
  say "Refreshing Debian's package lists"
  run_step "Refreshing the package lists" as_root apt-get update
  PACKAGE_LISTS_FRESH=1
}

need_packages() {
  local missing=() package
  for package in "$@"; do
    installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  command -v apt-get >/dev/null || die "This set-up needs Debian's apt-get."
  refresh_package_lists
  say "Installing from Debian: ${missing[*]}"
  run_step "Installing ${missing[*]}" as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}

# === Odoo === #

# Where Odoo's `odoo` package lies (added to PYTHONPATH) and the addons folders, comma-separated.
locate_odoo() {
  if [ -n "${ODOO_PATH:-}" ]; then
    [ -f "$ODOO_PATH/odoo/release.py" ] ||
      die "ODOO_PATH is set to $ODOO_PATH, but there is no odoo/release.py in it."
    grep -q 'version_info = (19, 0' "$ODOO_PATH/odoo/release.py" ||
      die "ODOO_PATH is set to $ODOO_PATH, which is not Odoo 19.0."
    ODOO_PYTHONPATH=$(cd "$ODOO_PATH" && pwd)
    ODOO_ADDONS="$ODOO_PYTHONPATH/odoo/addons"
    [ -d "$ODOO_PYTHONPATH/addons" ] && ODOO_ADDONS="$ODOO_ADDONS,$ODOO_PYTHONPATH/addons"
  else
    ODOO_PYTHONPATH="$LOCAL/odoo/usr/lib/python3/dist-packages"
    ODOO_ADDONS="$ODOO_PYTHONPATH/odoo/addons"
  fi
  return 0
}

get_odoo() {
  locate_odoo
  [ -n "${ODOO_PATH:-}" ] && return 0
  [ -e "$LOCAL/odoo/.complete" ] && return 0
  need_space 3000
  need_packages debian-archive-keyring
  rm -rf "$LOCAL/odoo" "$LOCAL/odoo.part"
  mkdir -p "$LOCAL/odoo.part/root" "$LOCAL/odoo.part/debs" "$LOCAL/odoo.part/apt/lists/partial" \
    "$LOCAL/odoo.part/apt/cache/archives/partial"
  download_odoo "$LOCAL/odoo.part"
  say "Unpacking Odoo (1.2 GB)"
  local deb
  for deb in "$LOCAL/odoo.part/debs"/*.deb; do
    run_step "Unpacking $(basename "$deb")" dpkg-deb -x "$deb" "$LOCAL/odoo.part/root"
  done
  relink_into "$LOCAL/odoo.part/root"
  touch "$LOCAL/odoo.part/root/.complete"
  mv "$LOCAL/odoo.part/root" "$LOCAL/odoo"
  rm -rf "$LOCAL/odoo.part"
}

# apt knows the machine's Debian mirror; the suite that has Odoo is asked of the same mirror
# through a configuration of our own, so that the system's is never touched.
download_odoo() { # FOLDER
  local part=$1 codename mirror
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  mirror() {
    apt-get indextargets 'Created-By: Packages' --format '$(REPO_URI) $(LABEL) $(CODENAME) $(COMPONENT)' |
      awk -v codename="$codename" '$2 == "Debian" && $3 == codename && $4 == "main" {print $1; exit}'
  }
  [ -n "$(mirror)" ] || refresh_package_lists
  [ -n "$(mirror)" ] || die "No Debian source for '$codename' was found in this machine's apt configuration."
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s unstable main\n' \
    "$(mirror)" >"$part/apt/sources.list"
  local private=(
    -o "Dir::Etc::sourcelist=$part/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferencesparts=/dev/null
    -o "Dir::State::lists=$part/apt/lists" -o "Dir::Cache=$part/apt/cache"
    -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=0
  )
  say "Downloading Debian's $ODOO_PACKAGE (117 MiB)"
  run_step "Reading the package list of Debian's unstable suite" apt-get "${private[@]}" update
  run_step "Downloading $ODOO_PACKAGE" in_folder "$part/debs" \
    apt-get "${private[@]}" download "$ODOO_PACKAGE"
  say "Downloading the fonts and scripts its files link to"
  # shellcheck disable=SC2086
  if ! in_folder "$part/debs" apt-get -o APT::Sandbox::User=root download $ODOO_LINKED_PACKAGES >/dev/null 2>&1; then
    refresh_package_lists
    run_step "Downloading Odoo's fonts and scripts" in_folder "$part/debs" \
      apt-get -o APT::Sandbox::User=root download $ODOO_LINKED_PACKAGES
  fi
}

in_folder() { (cd "$1" && shift && "$@"); }

# The package links to absolute paths such as /usr/share/javascript/…, which are in our folder.
relink_into() { # ROOT
  local root=$1 link target
  find "$root" -type l -lname '/*' -print | while IFS= read -r link; do
    target=$(readlink "$link")
    [ -e "$root$target" ] || continue
    ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$root$target")" "$link"
  done
}

# === Python === #

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3.10 python3; do
    command -v "$candidate" >/dev/null || continue
    "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
      2>/dev/null && {
      command -v "$candidate"
      return 0
    }
  done
  return 1
}

get_python() {
  local stamp
  stamp=$(cksum <"$PROJECT/requirements.txt")
  VENV="$LOCAL/venv"
  PYTHON_BIN="$VENV/bin/python"
  if [ -e "$VENV/.complete" ] && [ "$(cat "$VENV/.complete")" = "$stamp" ] &&
    "$PYTHON_BIN" -c '' 2>/dev/null; then
    return 0
  fi
  # psycopg2 is compiled against the machine's libpq.
  need_packages gcc libc6-dev libpq-dev
  local python
  if ! python=$(find_python); then
    need_packages python3 python3-venv python3-dev
    python=$(find_python) || die "No Python from 3.10 to 3.13 with venv was found."
  fi
  case $python in
  /usr/bin/*) need_packages python3-dev python3-venv ;;
  esac
  need_space 1000
  say "Creating the Python environment with $("$python" --version) (1 to 2 minutes)"
  run_step "Creating the Python environment" "$python" -m venv --clear "$VENV"
  run_step "Installing the Python packages" "$PYTHON_BIN" -m pip install \
    --disable-pip-version-check --no-input -r "$PROJECT/requirements.txt"
  echo "$stamp" >"$VENV/.complete"
}

# === PostgreSQL === #

# Use the server that PGHOST, PGPORT or PGUSER name; else a private cluster, owned by a user who is not root.
get_postgres() {
  if [ -n "${PGHOST:-}${PGPORT:-}${PGUSER:-}" ]; then
    need_packages postgresql-client
    psql -d postgres -Atc 'select 1' >"$STEP_LOG" 2>&1 ||
      die "PostgreSQL at PGHOST=${PGHOST:-} PGPORT=${PGPORT:-} PGUSER=${PGUSER:-} does not answer: $(tail -n 1 "$STEP_LOG")"
    return 0
  fi
  need_packages postgresql postgresql-client
  PG_BIN=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
  PG_USER=$(id -un)
  [ "$(id -u)" = 0 ] && PG_USER=postgres
  PG_HOME=$(postgres_home)
  if [ ! -e "$PG_HOME/data/PG_VERSION" ]; then
    say "Creating a private PostgreSQL cluster"
    as_postgres rm -rf "$PG_HOME/data.part"
    run_step "Creating the PostgreSQL cluster" as_postgres "$PG_BIN/initdb" -D "$PG_HOME/data.part" \
      -U "$(id -un)" --auth-local=trust --auth-host=reject -E UTF8 --locale=C.UTF-8
    run_step "Creating the PostgreSQL cluster" as_postgres sh -c \
      "printf '%s\n' \"listen_addresses = ''\" 'max_connections = 200' 'shared_buffers = 512MB' >>'$PG_HOME/data.part/postgresql.conf'"
    as_postgres mv "$PG_HOME/data.part" "$PG_HOME/data"
  fi
  PG_SOCKETS="$PG_HOME/sockets"
  # A socket's path may have 107 bytes at most.
  [ ${#PG_SOCKETS} -lt 85 ] || PG_SOCKETS="/tmp/$ADDON-$(id -u)-$(project_hash)"
  as_postgres mkdir -p "$PG_SOCKETS"
  export PGHOST="$PG_SOCKETS" PGPORT=5432 PGUSER
  PGUSER=$(id -un)
  if ! psql -d postgres -Atc 'select 1' >/dev/null 2>&1; then
    say "Starting the private PostgreSQL"
    # Its own session: a signal to the caller's group must not end it. Descriptor 9 is the set-up lock.
    run_step "Starting PostgreSQL" as_postgres "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -w -t 60 \
      -l "$PG_HOME/log" -o "-k '$PG_SOCKETS'" start 9>&-
  fi
}

stop_postgres() {
  [ -n "${PG_HOME:-}" ] || return 0
  as_postgres "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -m fast -w stop >/dev/null 2>&1 || true
}

project_hash() { printf '%s' "$PROJECT" | cksum | cut -d' ' -f1; }

as_postgres() {
  if [ "$(id -un)" = "$PG_USER" ]; then
    "$@"
  else
    (cd / && exec setpriv --reuid "$PG_USER" --regid "$(id -g "$PG_USER")" --init-groups "$@")
  fi
}

# The git-ignored folder, unless the server's user cannot enter it (a clone below /root, say).
postgres_home() {
  local home="$LOCAL/postgres"
  mkdir -p "$home"
  [ "$(id -u)" = 0 ] && chown "$PG_USER" "$home"
  if ! as_postgres test -w "$home"; then
    home="/var/lib/postgresql/$ADDON-$(project_hash)"
    as_postgres mkdir -p "$home"
  fi
  echo "$home"
}

database_exists() { psql -d postgres -Atc "select 1 from pg_database where datname = '$1'" | grep -q 1; }

# === Running Odoo === #

get_everything() {
  lock_setup
  get_odoo
  get_python
  get_postgres
  need_packages wkhtmltopdf "$@"
  unlock_setup
}

# All Odoo commands of this project run with the same interpreter, paths and database server.
odoo() {
  PYTHONPATH="$ODOO_PYTHONPATH${PYTHONPATH:+:$PYTHONPATH}" "$PYTHON_BIN" -m odoo "$@"
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
