# Sourced by the other scripts.

# find_python: print the path of a Python of at least 3.10.
find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python python3.13 python3.12 python3.11 python3.10; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    echo "minicaffe needs Python 3.10 or newer with its venv module; set PYTHON to one" >&2
    return 1
}

# make_venv DIR: make a virtual environment, unless there is one.
make_venv() {
    if [[ ! -x "$1/bin/python" ]]; then
        local python
        python=$(find_python)
        echo "making a virtual environment in $1"
        "$python" -m venv "$1"
    fi
}

# install_package DIR TARGET: install as users do, by copying: a link to the checkout would hide missing files.
install_package() {
    rm -rf build minicaffe.egg-info
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check "$2"
    rm -rf build minicaffe.egg-info
}
