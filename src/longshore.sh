#!/bin/sh
# What `longshore` runs: the program, with what Node.js takes at its start alone.
#
# V8 lets the main thread's young objects gather up to 16 MiB (Node.js 20 and 22) or 64 MiB (24), twice, before it looks
# at them. Nearly all of them are done with after one request, so that room for 4 MiB serves as fast and holds less
# (README, Memory). What the operator says in NODE_OPTIONS comes after, and wins.
here=$(dirname -- "$(readlink -f -- "$0")")
NODE_OPTIONS="--max-semi-space-size=4${NODE_OPTIONS:+ $NODE_OPTIONS}"
export NODE_OPTIONS
# Shells drop variables whose names they cannot spell (REGISTRY_HTTP_HEADERS_X-Frame-Options) before the first line runs,
# all but bash. The kernel still has them: they go along in one variable, a line each, and launch.cts sets them again. A
# line break within a value goes as \001, which YAML allows nowhere.
lost=$(cat "/proc/$$/environ" 2>/dev/null | tr '\000\n' '\n\001' | LC_ALL=C grep -v '^[A-Za-z_][A-Za-z0-9_]*=')
[ -z "$lost" ] || export LONGSHORE_LOST_VARIABLES="$lost"
exec node "$here/../dist/src/launch.cjs" "$@"
