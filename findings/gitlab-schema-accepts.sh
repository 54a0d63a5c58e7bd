#!/usr/bin/env bash
# GitLab's own schema for .gitlab-ci.yml, as check-jsonschema has it, accepts a job without a script.
#
# Versions: check-jsonschema 0.39.0, with --builtin-schema vendor.gitlab-ci.
# Guess:    A job without anything to run, a misspelled keyword in a hidden job and an unknown deployment tier are
#           refused, as a misspelled keyword in an ordinary job is, and so is one in "workflow" or in a cache.
#           (That the schema cannot find an undefined stage is no surprise.)
# Seen:     The misspelled keyword is refused in "test", and accepted in ".test", although other jobs extend it.
#           "test: {stage: test}" without a script, "deployment_tier: prod" (the tier is called production) and
#           "timeout: 5 parsecs" are accepted. So are "workflow: {rule: …}", which has no rules then, and
#           "cache: {pths: …}", but not a misspelled keyword within the rules of "workflow".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile check-jsonschema==0.39.0

expect() { # accepted or refused, then the file
    printf '%s\n' "$2" > ci.yml
    seen=accepted
    venv/bin/check-jsonschema --builtin-schema vendor.gitlab-ci ci.yml > log.txt 2>&1 || seen=refused
    if [ "$seen" != "$1" ]; then
        echo "Changed: '$2' is now $seen."
        exit 1
    fi
}
expect refused 'test: {script: [make], scripts: [make]}'
expect accepted '.test: {script: [make], scripts: [make]}'
expect accepted 'test: {stage: test}'
expect accepted 'test: {script: [make], environment: {name: prod, deployment_tier: prod}}'
expect accepted 'test: {script: [make], timeout: 5 parsecs}'
expect accepted 'workflow: {rule: [{if: $CI_COMMIT_TAG}]}'
expect refused 'workflow: {rules: [{if: $CI_COMMIT_TAG, whn: never}]}'
expect accepted 'test: {script: [make], cache: {key: a, pths: [packages]}}'
echo "Still so: the schema accepts jobs without a script, and checks no keyword of a hidden job, of workflow or of a cache."
