#!/usr/bin/env bash
# Check everything: ruff, mypy, then every test against the installed package. Arguments go on to pytest.
# VENV names the virtual environment; .venv if not set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/python.sh

venv=${VENV:-.venv}
make_venv "$venv"
install_package "$venv" ".[test]"
"$venv/bin/ruff" check
"$venv/bin/mypy"
exec "$venv/bin/pytest" --numprocesses auto --maxprocesses 4 --dist worksteal "$@"
