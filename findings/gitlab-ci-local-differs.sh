#!/usr/bin/env bash
# gitlab-ci-local runs a pipeline that workflow:rules exclude, and passes on the artifacts that GitLab would not keep.
#
# Versions: gitlab-ci-local 4.73.0 (Node.js 20; needs git and rsync).
# Guess:    With "workflow: rules: merge requests only", a plain run starts no job. A job that exceeds its timeout
#           fails. Artifacts with "when: on_failure" reach the next job if their job failed, and not if it succeeded.
# Seen:     Its own variables say CI_PIPELINE_SOURCE=push, and all jobs run all the same. "timeout: 1 second" lets a
#           job sleep for three. The next job finds the artifact of the job that succeeded, and not that of the
#           one that failed: the opposite of what it should.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-fund --no-audit gitlab-ci-local@4.73.0 > log.txt
mkdir project
cd project
cat > .gitlab-ci.yml <<YAML
workflow:
  rules:
    - if: \$CI_PIPELINE_SOURCE == "merge_request_event"
stages: [first, second]
first:
  stage: first
  timeout: 1 second
  script: [sleep 3, touch kept.txt]
  artifacts: {when: on_failure, paths: [kept.txt]}
failed:
  stage: first
  script: [touch failed.txt, exit 1]
  allow_failure: true
  artifacts: {when: on_failure, paths: [failed.txt]}
second:
  stage: second
  script:
    - echo "source=\$CI_PIPELINE_SOURCE" > $work/seen.txt
    - ls kept.txt failed.txt 2> /dev/null >> $work/seen.txt || true
YAML
git init -q
git add .gitlab-ci.yml
git -c user.name=nobody -c user.email=nobody@example.com commit -q -m "Pipeline"
git remote add origin git@gitlab.example.com:group/project.git
if ! ../node_modules/.bin/gitlab-ci-local --force-shell-executor --shell-isolation > ../log.txt 2>&1; then
    echo "Changed: the run now fails: $(tail -n 1 ../log.txt)"
    exit 1
fi
if ! [ -f ../seen.txt ]; then
    echo "Changed: workflow:rules now stop the pipeline."
    exit 1
fi
if [ "$(cat ../seen.txt)" != $'source=push\nkept.txt' ]; then
    echo "Changed: the second job now sees: $(cat ../seen.txt)"
    exit 1
fi
echo "Still so: workflow:rules, timeout and when: on_failure do not work in gitlab-ci-local."
