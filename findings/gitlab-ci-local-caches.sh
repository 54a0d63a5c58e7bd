#!/usr/bin/env bash
# gitlab-ci-local skips the rest of a job's caches after one with "policy: pull" or "policy: push".
#
# Versions: gitlab-ci-local 4.73.0 with --force-shell-executor --shell-isolation (Node.js 20; needs git and rsync).
# Guess:    Each cache of a job obeys its own policy: a read-only cache of packages next to a cache that is written.
# Seen:     After a cache with "policy: pull", none is saved. After one with "policy: push", none is restored. The log
#           says nothing, and the job passes. In the other order, both are as expected.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-fund --no-audit gitlab-ci-local@4.73.0 > log.txt
mkdir project
cd project
cat > .gitlab-ci.yml <<YAML
stages: [save, restore]
.make: &make {stage: save, script: [mkdir one two, touch one/file two/file]}
pull-first:
  <<: *make
  cache: [{key: packages, paths: [one/], policy: pull}, {key: after-pull, paths: [two/]}]
pull-last:
  <<: *make
  cache: [{key: before-pull, paths: [two/]}, {key: packages, paths: [one/], policy: pull}]
push-first:
  stage: restore
  cache: [{key: packages, paths: [one/], policy: push}, {key: before-pull, paths: [two/]}]
  script: ["ls -d two > $work/push-first.txt 2>&1 || true"]
push-last:
  stage: restore
  cache: [{key: before-pull, paths: [two/]}, {key: packages, paths: [one/], policy: push}]
  script: [ls -d two > $work/push-last.txt]
YAML
git init -q
git add .
git -c user.name=nobody -c user.email=nobody@example.com commit -q -m "Pipeline"
git remote add origin git@gitlab.example.com:group/project.git
if ! ../node_modules/.bin/gitlab-ci-local --force-shell-executor --shell-isolation > ../log.txt 2>&1; then
    echo "Changed: the run now fails: $(tail -n 1 ../log.txt)"
    exit 1
fi
if ! [ -f .gitlab-ci-local/cache/before-pull/two/file ] || [ "$(cat ../push-last.txt)" != two ]; then
    echo "Changed: the other order does not work any more."
    exit 1
fi
if [ -e .gitlab-ci-local/cache/after-pull ]; then
    echo "Changed: a cache after one with 'policy: pull' is saved."
    exit 1
fi
if [ "$(cat ../push-first.txt)" = two ]; then
    echo "Changed: a cache after one with 'policy: push' is restored."
    exit 1
fi
echo "Still so: the first cache that is only pulled or only pushed ends the work on all of them."
