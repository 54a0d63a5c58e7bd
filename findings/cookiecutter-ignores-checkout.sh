#!/usr/bin/env bash
# Cookiecutter ignores --checkout for a template in a local git repository, even a tag that does not exist.
#
# Versions: cookiecutter 2.7.1.
# Guess:    --checkout v1 renders the template as of the tag v1, and an unknown tag is an error, as for a remote
#           repository.
# Seen:     Both render what is in the folder, uncommitted changes too, with exit code 0 and no message. With the
#           prefix git+file:// the tag is checked out. So a test of an older version of a template can test the
#           newest.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME="$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile cookiecutter==2.7.1

mkdir -p template/'{{cookiecutter.name}}'
cd template
git init -q
echo '{"name": "project"}' > cookiecutter.json
echo old > '{{cookiecutter.name}}/version.txt'
git add .
git -c user.name=nobody -c user.email=nobody@example.com commit -q -m "Old"
git tag v1
echo uncommitted > '{{cookiecutter.name}}/version.txt'
cd ..

expect() { # the content, then the template and its options
    content=$1
    shift
    rm -rf out
    venv/bin/cookiecutter --no-input --output-dir out "$@" > log.txt 2>&1 || true
    seen=$(cat out/project/version.txt || true)
    if [ "$seen" != "$content" ]; then
        echo "Changed: 'cookiecutter $*' now gives '$seen', no longer '$content'."
        exit 1
    fi
}
expect uncommitted ./template --checkout v1
expect uncommitted ./template --checkout no-such-tag
expect old "git+file://$work/template" --checkout v1
echo "Still so: --checkout has no effect for a template that is named by its path."
