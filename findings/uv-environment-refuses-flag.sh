#!/usr/bin/env bash
# uv refuses --no-compile-bytecode whenever UV_COMPILE_BYTECODE is set, even to 0.
#
# Versions: uv 0.13.9.
# Guess:    An option on the command line wins over the variable, as uv documents it. At least 0 and
#           --no-compile-bytecode agree.
# Seen:     "the argument '--no-compile-bytecode' cannot be used with '--compile-bytecode'", which nobody gave, and exit
#           code 2, for the values 0 and 1. UV_SYSTEM_PYTHON, UV_BREAK_SYSTEM_PACKAGES, UV_REQUIRE_HASHES and
#           UV_NO_BUILD_ISOLATION are like it, but not UV_OFFLINE, and not --compile-bytecode. Both options on one command
#           line are accepted. So a command with the option fails where an image, or GitLab, sets the variable.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile uv==0.13.9
unset "${!UV_@}"
venv/bin/uv venv -q target
touch none.txt

expect() { # accepted or refused, then a variable and its value, then options
    set +e
    env "$2" venv/bin/uv pip install --python target/bin/python -r none.txt "${@:3}" > log.txt 2>&1
    code=$?
    set -e
    seen=accepted
    [ "$code" = 0 ] || seen="exit code $code"
    if [ "$code" = 2 ] && grep -qF "the argument '${3-}' cannot be used with" log.txt; then seen=refused; fi
    if [ "$seen" != "$1" ]; then
        echo "Changed: '${*:3}' with $2 is now: $seen. $(head -n 1 log.txt)"
        exit 1
    fi
}
for value in 0 1; do
    expect accepted "UV_COMPILE_BYTECODE=$value"
    expect accepted "UV_COMPILE_BYTECODE=$value" --compile-bytecode
    expect refused "UV_COMPILE_BYTECODE=$value" --no-compile-bytecode
    expect refused "UV_SYSTEM_PYTHON=$value" --no-system
    expect refused "UV_BREAK_SYSTEM_PACKAGES=$value" --no-break-system-packages
    expect refused "UV_REQUIRE_HASHES=$value" --no-require-hashes
    expect refused "UV_NO_BUILD_ISOLATION=$value" --build-isolation
    expect accepted "UV_OFFLINE=$value" --no-offline
done
expect accepted NOTHING=1 --compile-bytecode --no-compile-bytecode
echo "Still so: an option that says no is refused if its variable is set at all."
