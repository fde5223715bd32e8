#!/usr/bin/env bash
# Train and test Caffe's CIFAR-10 batch-normalisation net, from nothing.
#
#   scripts/train_cifar10.sh [--full] [SOURCE]
#
# --full  Caffe's own 60,000 iterations instead of the quick solver of a few minutes
# SOURCE  a folder with data_batch_*.bin, or the official binary archive (or set CIFAR10_SOURCE); without one the
#         archive is fetched, and where that fails the built-in shapes10 set takes its place
# VENV names the virtual environment; .venv if not set.
set -euo pipefail
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/python.sh

solver=solver_quick
cifar10=${CIFAR10_SOURCE:-}
for word in "$@"; do
    case $word in
    --full) solver=solver ;;
    -h | --help)
        sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' scripts/train_cifar10.sh
        exit 0
        ;;
    -*)
        echo "train_cifar10.sh knows no $word; expected --full, --help or SOURCE" >&2
        exit 2
        ;;
    *) cifar10=$word ;;
    esac
done
if [[ -n $cifar10 && $cifar10 != /* ]]; then
    cifar10=$here/$cifar10
fi

venv=${VENV:-.venv}
make_venv "$venv"
install_package "$venv" .
minicaffe=$venv/bin/minicaffe

model=models/cifar10_bn
status=0
"$minicaffe" data cifar10 ${cifar10:+--source "$cifar10"} || status=$?
if [[ $status -ne 0 && ($status -ne 2 || -n $cifar10) ]]; then
    exit "$status"
elif [[ $status -eq 2 ]]; then
    echo "CIFAR-10 cannot be had here: the same net is trained on the built-in shapes10 set instead."
    echo "What it reaches there says nothing about CIFAR-10; give the folder or the archive as SOURCE for that."
    "$minicaffe" data shapes10
    model=models/shapes10_bn
    solver=solver
fi

setting() { sed -n "s/^$1: *\"\{0,1\}\([^\" ]*\).*/\1/p" "$model/$solver.prototxt"; }

stopped=
trap 'stopped=yes' INT # the training itself takes a snapshot and stops
"$minicaffe" train "$model/$solver.prototxt"
if [[ -n $stopped ]]; then
    echo "stopped before the end; to go on from iteration N:"
    echo "$minicaffe train $model/$solver.prototxt --snapshot $(setting snapshot_prefix)_iter_N.solverstate"
    exit 130
fi

weights=$(setting snapshot_prefix)_iter_$(setting max_iter).caffemodel
"$minicaffe" test "$model/train_test.prototxt" --weights "$weights" --iterations "$(setting test_iter)"
