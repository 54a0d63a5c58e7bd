#!/usr/bin/env bash
# gitlab-ci-local empties a job's folder before after_script, so the job loses its artifacts and still passes.
#
# Versions: gitlab-ci-local 4.73.0 with --force-shell-executor --shell-isolation (Node.js 20; needs git and rsync).
# Guess:    after_script runs in the folder that script leaves behind, as on GitLab. The artifacts are what both made.
# Seen:     after_script sees the tracked files only. Of the two artifacts, the one that script made is gone, nothing
#           says so, and the next job starts without it. Without after_script, the same artifact arrives.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-fund --no-audit gitlab-ci-local@4.73.0 > log.txt
mkdir project
cd project
cat > .gitlab-ci.yml <<YAML
stages: [first, second]
plain:
  stage: first
  script: [touch plain.txt]
  artifacts: {paths: [plain.txt]}
with-after:
  stage: first
  script: [touch made.txt]
  after_script:
    - ls > $work/seen-after.txt
    - touch after.txt
  artifacts: {paths: [made.txt, after.txt]}
second:
  stage: second
  script: [ls > $work/seen-second.txt]
YAML
touch tracked.txt
git init -q
git add .
git -c user.name=nobody -c user.email=nobody@example.com commit -q -m "Pipeline"
git remote add origin git@gitlab.example.com:group/project.git
if ! ../node_modules/.bin/gitlab-ci-local --force-shell-executor --shell-isolation > ../log.txt 2>&1; then
    echo "Changed: the run now fails: $(tail -n 1 ../log.txt)"
    exit 1
fi
if [ "$(cat ../seen-after.txt)" != tracked.txt ]; then
    echo "Changed: after_script now sees:" $(cat ../seen-after.txt)
    exit 1
fi
if [ "$(cat ../seen-second.txt)" != $'after.txt\nplain.txt\ntracked.txt' ]; then
    echo "Changed: the next job now sees:" $(cat ../seen-second.txt)
    exit 1
fi
if grep -q made.txt <(grep -v touch ../log.txt); then
    echo "Changed: the log now mentions the lost artifact."
    exit 1
fi
echo "Still so: a job with an after_script loses the artifacts that its script made."
