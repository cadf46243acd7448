#!/bin/sh
# What `longshore` runs: the program, with what Node.js takes at its start alone.
#
# V8 lets the main thread's young objects gather up to 16 MiB (Node.js 20 and 22) or 64 MiB (24), twice, before it looks
# at them. Nearly all of them are done with after one request, so that room for 4 MiB serves as fast and holds less
# (README, Memory). What the operator says in NODE_OPTIONS comes after, and wins.
here=$(dirname -- "$(readlink -f -- "$0")")
NODE_OPTIONS="--max-semi-space-size=4${NODE_OPTIONS:+ $NODE_OPTIONS}"
export NODE_OPTIONS
exec node "$here/../dist/src/launch.cjs" "$@"
