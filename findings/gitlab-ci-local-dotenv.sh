#!/usr/bin/env bash
# gitlab-ci-local cuts the values of a dotenv report at "#", so a link to a part of a page loses that part.
#
# Versions: gitlab-ci-local 4.73.0 (Node.js 20; needs git and rsync).
# Guess:    The next job sees exactly what stands after "=" in the file, as on GitLab, which knows no comments in
#           such a file and keeps quotes.
# Seen:     LINK=https://example.com/run#step-1 arrives as https://example.com/run. Quotes around a value and spaces
#           before it are removed too, but not the quotes within JSON.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-fund --no-audit gitlab-ci-local@4.73.0 > log.txt
mkdir project
cd project
printf '%s\n' 'LINK=https://example.com/run#step-1' 'NAME="two words"' 'METRICS={"auc":0.9}' > report.env
cat > .gitlab-ci.yml <<YAML
stages: [first, second]
first:
  stage: first
  script: [echo written]
  artifacts: {reports: {dotenv: report.env}}
second:
  stage: second
  needs: [first]
  script:
    - printf '%s\n' "\$LINK" "\$NAME" "\$METRICS" > $work/seen.txt
YAML
git init -q
git add .
git -c user.name=nobody -c user.email=nobody@example.com commit -q -m "Pipeline"
git remote add origin git@gitlab.example.com:group/project.git
if ! ../node_modules/.bin/gitlab-ci-local --force-shell-executor --shell-isolation > ../log.txt 2>&1; then
    echo "Changed: the run now fails: $(tail -n 1 ../log.txt)"
    exit 1
fi
if [ "$(cat ../seen.txt)" != $'https://example.com/run\ntwo words\n{"auc":0.9}' ]; then
    echo "Changed: the second job now sees: $(cat ../seen.txt)"
    exit 1
fi
echo "Still so: a value of a dotenv report ends at its first #."
