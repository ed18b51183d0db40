# Shared by demo, test, odoo and bench: gets their requirements and reports each step.
# Each step is skipped when its result is there, and builds under a temporary name that is
# renamed at the end, so that an interrupted run simply goes on.
# shellcheck shell=bash
# Not every script uses every variable that is set here.
# shellcheck disable=SC2034
set -euo pipefail

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOCAL="$PROJECT/.local"
DATA_DIR="$LOCAL/data"
ODOO_PACKAGE=odoo-19
ADDON=invoice_payments_ext
# The Debian package's static files are links into these packages.
ODOO_LINKED_PACKAGES="libjs-jquery libjs-underscore libjs-jquery-form
  fonts-font-awesome fonts-roboto-unhinted fonts-inconsolata fonts-ocr-b"

mkdir -p "$LOCAL"
STEP_LOG="$LOCAL/setup.log"

# Half of a start of Odoo would be compiling.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX="$LOCAL/pycache"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() {
  printf '\033[1;31mStopped:\033[0m %s\n' "$*" >&2
  exit 1
}

trap 'die "Interrupted. Run the same command again: it goes on from here."' INT TERM

# Run a quiet step; on failure end with one sentence that names the likely cause.
run_step() {
  local what=$1 status=0 heartbeat
  shift
  show_heartbeat &
  heartbeat=$!
  "$@" >"$STEP_LOG" 2>&1 || status=$?
  { kill "$heartbeat" && wait "$heartbeat"; } 2>/dev/null || true
  [ "$status" = 0 ] && return 0
  tail -n 15 "$STEP_LOG" >&2
  die "$what failed: $(explain_failure). The full output is in $STEP_LOG."
}

# A long step says every 15 seconds that it goes on. It must outlive neither the step nor us,
# and its pauses must not keep the caller's streams open.
show_heartbeat() {
  trap - INT TERM
  local seconds=0
  exec 9>&- 8>&-
  cd /
  while sleep 15 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
    seconds=$((seconds + 15))
    printf '    … %s s\n' "$seconds" >&2
  done
}

explain_failure() {
  if grep -qiE 'no space left|not enough free (disk )?space|disk quota' "$STEP_LOG" ||
    [ "$(df -Pk "$LOCAL" | awk 'NR==2 {print $4}')" -lt 102400 ]; then
    echo "there is no space left on the disk of $LOCAL"
  elif grep -qiE 'could not resolve|temporary failure|name resolution|unable to connect|connection (refused|timed out|failed)|network is unreachable|EAI_AGAIN|ENOTFOUND|ETIMEDOUT|ECONNREFUSED|failed to establish a new connection|max retries' "$STEP_LOG"; then
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
  [ -z "${SETUP_LOCKED:-}" ] || return 0
  SETUP_LOCKED=1
  exec 9>"$LOCAL/setup.lock"
  if ! flock -n 9; then
    say "Waiting for another set-up of this folder to end"
    flock 9
  fi
}
unlock_setup() {
  SETUP_LOCKED=
  exec 9>&-
}

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
  # Completes an interrupted installation; does nothing otherwise.
  run_step "Completing an earlier installation" as_root env DEBIAN_FRONTEND=noninteractive \
    dpkg --configure -a
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
  # Complete downloads of an interrupted run are kept: apt checks their hashes.
  rm -rf "$LOCAL/odoo" "$LOCAL/odoo.part/root" "$LOCAL/odoo.part/apt"
  mkdir -p "$LOCAL/odoo.part/root" "$LOCAL/odoo.part/debs" "$LOCAL/odoo.part/apt/lists/partial" \
    "$LOCAL/odoo.part/apt/cache/archives/partial"
  download_odoo "$LOCAL/odoo.part"
  say "Unpacking Odoo (1.2 GB)"
  local deb
  for deb in "$LOCAL/odoo.part/debs"/*.deb; do
    run_step "Unpacking $(basename "$deb")" dpkg-deb -x "$deb" "$LOCAL/odoo.part/root"
  done
  relink_into "$LOCAL/odoo.part/root"
  basename "$LOCAL/odoo.part/debs/$ODOO_PACKAGE"_*.deb >"$LOCAL/odoo.part/root/.complete"
  mv "$LOCAL/odoo.part/root" "$LOCAL/odoo"
  rm -rf "$LOCAL/odoo.part"
}

# apt knows the machine's Debian mirror; the suite that has Odoo is asked of the same mirror
# through a configuration of our own, so that the system's is never touched.
download_odoo() { # FOLDER
  local part=$1 mirror
  mirror=$(find_mirror)
  if [ -z "$mirror" ]; then
    refresh_package_lists
    mirror=$(find_mirror)
  fi
  [ -n "$mirror" ] || die "This machine's apt configuration names no Debian mirror of its own release."
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s unstable main\n' \
    "$mirror" >"$part/apt/sources.list"
  local private=(
    -o "Dir::Etc::sourcelist=$part/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferencesparts=/dev/null
    -o "Dir::State::lists=$part/apt/lists" -o "Dir::Cache=$part/apt/cache"
    -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any
    # A mirror that keeps a fixed day has an old list; its signature is checked all the same.
    -o Acquire::Check-Valid-Until=false
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

find_mirror() {
  local codename
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # shellcheck disable=SC2016
  apt-get indextargets 'Created-By: Packages' --format '$(REPO_URI) $(LABEL) $(CODENAME) $(COMPONENT)' |
    awk -v codename="$codename" '$2 == "Debian" && $3 == codename && $4 == "main" {print $1; exit}'
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
  for candidate in ${PYTHON:-} /usr/bin/python3 python3.11 python3.12 python3.13 python3.10 python3; do
    command -v "$candidate" >/dev/null || continue
    "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
      2>/dev/null && {
      command -v "$candidate"
      return 0
    }
  done
  return 1
}

# Begin to get the Python environment; PYTHON_INSTALLATION is then the process that goes on.
start_python() {
  local stamp python
  PYTHON_INSTALLATION=
  VENV="$LOCAL/venv"
  PYTHON_BIN="$VENV/bin/python"
  stamp=$(cksum <"$PROJECT/requirements.txt")
  if [ "$(cat "$VENV/.complete" 2>/dev/null)" = "$stamp" ] && venv_serves; then
    return 0
  fi
  need_space 1000
  # psycopg2 is compiled against the machine's libpq.
  need_packages gcc libc6-dev libpq-dev
  if ! venv_serves; then
    if ! python=$(find_python); then
      need_packages python3 python3-venv python3-dev
      python=$(find_python) || die "No Python from 3.10 to 3.13 with venv was found."
    fi
    case $python in /usr/bin/*) need_packages python3-dev python3-venv ;; esac
    say "Creating the Python environment with $("$python" --version)"
    run_step "Creating the Python environment" "$python" -m venv --clear "$VENV"
  fi
  # On 3.13 and later pycairo is compiled, see requirements.txt.
  "$PYTHON_BIN" -c 'import sys; sys.exit(sys.version_info < (3, 13))' &&
    need_packages libcairo2-dev pkg-config
  say "Installing the Python packages (about a minute)"
  install_python_packages "$stamp" &
  PYTHON_INSTALLATION=$!
}

await_python() {
  # The failure was reported before.
  [ -z "$PYTHON_INSTALLATION" ] || wait "$PYTHON_INSTALLATION" || exit 1
}

# Installs nothing from Debian, so that Odoo and PostgreSQL can be fetched meanwhile.
install_python_packages() { # STAMP
  local STEP_LOG="$LOCAL/setup-python.log"
  # Files are compiled when they are first used: a third of the work of this step.
  run_step "Installing the Python packages" "$PYTHON_BIN" -m pip install \
    --no-compile --disable-pip-version-check --no-input -r "$PROJECT/requirements.txt"
  echo "$1" >"$VENV/.complete"
}

# OCA's addons that the tests install, such as the job queue: their addons folder is $QUEUE/odoo/addons.
get_queue() {
  local stamp
  QUEUE="$LOCAL/queue"
  stamp=$(cksum <"$PROJECT/setup/queue.txt")
  [ "$(cat "$QUEUE/.complete" 2>/dev/null)" != "$stamp" ] || return 0
  say "Getting OCA's addons"
  rm -rf "$QUEUE" "$QUEUE.part"
  run_step "Getting OCA's addons" "$PYTHON_BIN" -m pip install \
    --disable-pip-version-check --no-input --no-deps --target "$QUEUE.part" \
    -r "$PROJECT/setup/queue.txt"
  echo "$stamp" >"$QUEUE.part/.complete"
  mv "$QUEUE.part" "$QUEUE"
}

# Whether the environment works, and is of the version that PYTHON asks for if it is set.
venv_serves() {
  local version='import sys; print(sys.version_info[:2])'
  "$PYTHON_BIN" -m pip --version >/dev/null 2>&1 || return 1
  [ -z "${PYTHON:-}" ] || [ "$("$PYTHON" -c "$version")" = "$("$PYTHON_BIN" -c "$version")" ]
}

# === PostgreSQL === #

# Use the server that PGHOST, PGPORT or PGUSER name; else a private cluster, owned by a user who is not root.
get_postgres() {
  if [ -n "${PGHOST:-}${PGPORT:-}${PGUSER:-}" ]; then
    need_packages postgresql-client
    psql -d postgres -Atc 'select 1' >"$STEP_LOG" 2>&1 ||
      die "PostgreSQL at PGHOST=${PGHOST:-} PGPORT=${PGPORT:-} PGUSER=${PGUSER:-} does not answer: $(head -n 1 "$STEP_LOG")"
    return 0
  fi
  need_packages postgresql postgresql-client
  locate_postgres
  if ! as_postgres test -e "$PG_HOME/data/PG_VERSION"; then
    say "Creating a private PostgreSQL cluster in $PG_HOME"
    as_postgres rm -rf "$PG_HOME/data.part"
    run_step "Creating the PostgreSQL cluster" as_postgres "$PG_BIN/initdb" -D "$PG_HOME/data.part" \
      -U "$(id -un)" --auth-local=trust --auth-host=reject -E UTF8 --locale=C.UTF-8
    run_step "Creating the PostgreSQL cluster" as_postgres sh -c \
      "printf '%s\n' \"listen_addresses = ''\" 'max_connections = 200' 'shared_buffers = 256MB' >>'$PG_HOME/data.part/postgresql.conf'"
    as_postgres mv "$PG_HOME/data.part" "$PG_HOME/data"
  fi
  [ -x "$PG_BIN/postgres" ] ||
    die "The private PostgreSQL data in $PG_HOME need ${PG_BIN%/bin}, which is not installed."
  as_postgres mkdir -p "$PG_SOCKETS"
  export PGHOST="$PG_SOCKETS" PGPORT=5432 PGUSER
  PGUSER=$(id -un)
  if ! psql -d postgres -Atc 'select 1' >/dev/null 2>&1; then
    say "Starting the private PostgreSQL"
    # The server would inherit the locks (8 and 9) and hold them for as long as it runs.
    run_step "Starting PostgreSQL" as_postgres "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -w -t 300 \
      -l "$PG_HOME/log" -o "-k '$PG_SOCKETS'" start 8>&- 9>&-
  fi
}

# Stop the private server, unless something else of this folder uses it (tests, say).
stop_postgres() {
  [ -z "${PGHOST:-}${PGPORT:-}${PGUSER:-}" ] && [ -d "$LOCAL/postgres" ] || return 0
  locate_postgres
  as_postgres test -e "$PG_HOME/data/postmaster.pid" || return 0
  local others
  others=$(PGHOST=$PG_SOCKETS PGPORT=5432 PGUSER=$(id -un) sql postgres "select count(*)
    from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()")
  if [ "$others" != 0 ]; then
    say "PostgreSQL goes on: $others other connections use it"
    return 0
  fi
  say "Stopping the private PostgreSQL"
  run_step "Stopping PostgreSQL" as_postgres "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -m fast -w stop
}

# The server is of the version that made the data, else the newest one that is installed.
locate_postgres() {
  local version
  PG_USER=$(id -un)
  [ "$(id -u)" = 0 ] && PG_USER=postgres
  PG_HOME=$(postgres_home)
  version=$(as_postgres cat "$PG_HOME/data/PG_VERSION" 2>/dev/null ||
    find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -n 1)
  PG_BIN="/usr/lib/postgresql/$version/bin"
  PG_SOCKETS="$PG_HOME/sockets"
  # A socket's path may have 107 bytes at most.
  [ ${#PG_SOCKETS} -lt 85 ] || PG_SOCKETS="/tmp/$ADDON-$(id -u)-$(project_hash)"
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

# === Databases === #

# Installing these takes a minute and does not depend on the project's own files, so that it
# is done once and every database of the project starts as a copy.
BASE_MODULES=account_payment,payment_demo,payment_custom

sql() { # DATABASE STATEMENT
  psql -X -v ON_ERROR_STOP=1 -d "$1" -Atqc "$2"
}

database_exists() { [ -n "$(sql postgres "select 1 from pg_database where datname = '$1'")" ]; }

drop_database() {
  sql postgres "drop database if exists \"$1\" with (force)" 2>/dev/null
  rm -rf "${DATA_DIR:?}/filestore/$1"
}

# The files of a filestore are named after their content and never written again, so that a
# copy can share them.
clone_database() { # FROM TO
  drop_database "$2"
  run_step "Copying the database $1" sql postgres "create database \"$2\" template \"$1\""
  if [ -d "$DATA_DIR/filestore/$1" ]; then
    cp -al "$DATA_DIR/filestore/$1" "$DATA_DIR/filestore/$2"
  fi
}

# A database gets its name when it is complete.
rename_database() { # FROM TO
  rm -rf "${DATA_DIR:?}/filestore/$2"
  [ ! -d "$DATA_DIR/filestore/$1" ] || mv "$DATA_DIR/filestore/$1" "$DATA_DIR/filestore/$2"
  sql postgres "alter database \"$1\" rename to \"$2\""
}

drop_databases_like() { # PATTERN EXCEPT
  local name
  sql postgres "select datname from pg_database where datname like '$1' and datname <> '$2'" |
    while IFS= read -r name; do drop_database "$name"; done
}

install_modules() { # DATABASE MODULES OPTION…
  local database=$1 modules=$2 wanted found
  shift 2
  run_step "Installing $modules in $database" odoo server -d "$database" -i "$modules" --with-demo \
    --stop-after-init --no-http --max-cron-threads=0 "$@"
  # Odoo only warns about a module that it does not find.
  wanted=$(tr ',' '\n' <<<"$modules" | wc -l)
  found=$(sql "$database" "select count(*) from ir_module_module
    where state = 'installed' and name = any (string_to_array('$modules', ','))")
  [ "$wanted" = "$found" ] || die "Odoo did not install all of $modules in $database; see $STEP_LOG."
}

# Run a Python file with Odoo's env in a database.
run_script() { # DATABASE FILE
  run_step "Running $(basename "$2") in $1" odoo_script "$1" "$2"
}
odoo_script() { odoo shell -d "$1" --no-http --shell-interface=python <"$2"; }

# A digest of those files below the folders that change the installation.
files_digest() { # FOLDER…
  (cd "$PROJECT" && find "$@" -type f ! -name '*.pyc' ! -path "$ADDON/tests/*" ! -path "$ADDON/readme/*" \
    -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-10)
}

odoo_build() {
  if [ -n "${ODOO_PATH:-}" ]; then
    echo "$ODOO_PYTHONPATH"
    git -C "$ODOO_PYTHONPATH" rev-parse HEAD 2>/dev/null || cksum "$ODOO_PYTHONPATH/odoo/release.py"
  else
    cat "$LOCAL/odoo/.complete"
  fi
}

# Set BASE_DATABASE to a database with BASE_MODULES and demo data; nobody may connect to it.
get_base_database() {
  local digest
  digest=$( (odoo_build; cat "$PROJECT/requirements.txt" "$PROJECT/setup/complete_base.py"
    echo "$BASE_MODULES") | sha256sum | cut -c1-10)
  BASE_DATABASE="invoice_payments_base_$digest"
  database_exists "$BASE_DATABASE" && return 0
  need_space 1500
  say "Creating a database with Odoo's own payment addons (1 to 2 minutes)"
  drop_databases_like 'invoice\_payments\_base\_%' ''
  install_modules invoice_payments_base_part "$BASE_MODULES"
  say "Building the web client's bundles"
  run_script invoice_payments_base_part "$PROJECT/setup/complete_base.py"
  rename_database invoice_payments_base_part "$BASE_DATABASE"
}

DEMO_DATABASE=invoice_payments_demo

get_demo_database() {
  database_exists "$DEMO_DATABASE" && return 0
  local part=${DEMO_DATABASE}_part
  get_base_database
  say "Creating the database $DEMO_DATABASE"
  clone_database "$BASE_DATABASE" "$part"
  install_modules "$part" "$ADDON"
  run_script "$part" "$PROJECT/setup/demo_data.py"
  run_script "$part" "$PROJECT/setup/pregenerate_assets.py"
  rename_database "$part" "$DEMO_DATABASE"
  note_demo_digest
}

# The database keeps the entered data. The digest of the addon that is installed in it is
# its comment, so that a start updates it only when the addon's files have changed.
update_demo_database() {
  local installed
  installed=$(sql postgres "select shobj_description(oid, 'pg_database')
    from pg_database where datname = '$DEMO_DATABASE'")
  [ "$installed" != "$(files_digest "$ADDON")" ] || return 0
  say "Updating the addon in $DEMO_DATABASE: its files have changed"
  run_step "Updating $ADDON" odoo server -d "$DEMO_DATABASE" -u "$ADDON" \
    --stop-after-init --no-http --max-cron-threads=0
  note_demo_digest
}

note_demo_digest() {
  sql postgres "comment on database $DEMO_DATABASE is '$(files_digest "$ADDON")'"
}

# Set TEMPLATE_DATABASE to an unused database with the addon and the tests' own addons.
get_template_database() {
  local modules=$ADDON addon part=invoice_payments_template_part
  get_base_database
  ODOO_ADDONS_PATH="$ODOO_ADDONS_PATH,$PROJECT/tests/addons"
  for addon in "$PROJECT"/tests/addons/*/__manifest__.py; do
    modules="$modules,$(basename "$(dirname "$addon")")"
  done
  TEMPLATE_DATABASE="invoice_payments_template_${BASE_DATABASE##*_}_$(
    files_digest "$ADDON" tests/addons setup/pregenerate_assets.py)"
  database_exists "$TEMPLATE_DATABASE" && return 0
  say "Installing $modules in the tests' template database"
  drop_databases_like 'invoice\_payments\_template\_%' ''
  clone_database "$BASE_DATABASE" "$part"
  install_modules "$part" "$modules"
  run_script "$part" "$PROJECT/setup/pregenerate_assets.py"
  rename_database "$part" "$TEMPLATE_DATABASE"
}

# Set SUITES_DATABASE to an unused database in which Odoo's own test suites can run, without
# and with this addon.
get_suites_database() { # [ADDON]
  local part=invoice_payments_suites_part modules=payment_stripe kind=stock digest=()
  get_base_database
  if [ -n "$1" ]; then
    kind=addon
    modules="$modules,$1"
    digest=("$1")
  fi
  SUITES_DATABASE="invoice_payments_suites_${kind}_${BASE_DATABASE##*_}_$(
    files_digest ${digest[@]+"${digest[@]}"} setup/pregenerate_assets.py)"
  database_exists "$SUITES_DATABASE" && return 0
  say "Installing $modules for Odoo's own tests"
  drop_databases_like "invoice\\_payments\\_suites\\_$kind\\_%" ''
  clone_database "$BASE_DATABASE" "$part"
  install_modules "$part" "$modules"
  run_script "$part" "$PROJECT/setup/pregenerate_assets.py"
  rename_database "$part" "$SUITES_DATABASE"
}

# === Running Odoo === #

# shellcheck disable=SC2120
get_everything() { # MORE DEBIAN PACKAGES…
  lock_setup
  start_python
  get_odoo
  get_postgres
  need_packages wkhtmltopdf "$@"
  await_python
  mkdir -p "$DATA_DIR/filestore"
  # Odoo takes these from the environment: no configuration file is read, not the one in the
  # home folder either, and nothing listens to other machines unless asked to.
  export ODOO_RC=/dev/null ODOO_DATA_DIR="$DATA_DIR" ODOO_HTTP_INTERFACE=127.0.0.1
  export ODOO_ADDONS_PATH="$ODOO_ADDONS,$PROJECT"
}

# All Odoo commands of this project run with the same interpreter, paths and database server.
odoo() {
  PYTHONPATH="$ODOO_PYTHONPATH${PYTHONPATH:+:$PYTHONPATH}" "$PYTHON_BIN" -m odoo "$@"
}

# Settings with which the tests and the benchmark run servers on copies of the template.
export_for_tests() {
  export PYTHONPATH="$ODOO_PYTHONPATH:$PROJECT/tests" IPX_PYTHON="$PYTHON_BIN"
  export IPX_ODOO_PYTHONPATH="$ODOO_PYTHONPATH" IPX_ADDONS_PATH="$ODOO_ADDONS_PATH"
  export IPX_DATA_DIR="$DATA_DIR"
  export IPX_TEMPLATE_DB="$TEMPLATE_DATABASE" IPX_ARTEFACTS="$LOCAL/artefacts"
  mkdir -p "$IPX_ARTEFACTS"
}

# Tests and benchmarks use the same databases, and the same two cores.
lock_run() {
  exec 8>"$LOCAL/run.lock"
  if ! flock -n 8; then
    say "Waiting for another test or benchmark run of this folder to end"
    flock 8
  fi
}

# Which of Odoo's addons folders contains an addon.
find_addons() { # ADDON
  local folder
  while IFS= read -r folder; do
    [ ! -d "$folder/$1" ] || { echo "$folder" && return 0; }
  done < <(tr ',' '\n' <<<"$ODOO_ADDONS")
  die "There is no $1 in $ODOO_ADDONS."
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
