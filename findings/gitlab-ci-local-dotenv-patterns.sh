#!/usr/bin/env bash
# gitlab-ci-local aborts the run if the pattern of a dotenv report matches nothing, and drops both files of two.
#
# Versions: gitlab-ci-local 4.73.0 (Node.js 20; needs git and rsync, tried with rsync 3.2.7).
# Guess:    A pattern such as out/*/job.env works as it does in artifacts:paths: the next job has the values of every
#           file that matches, and no match is a warning, as it is for a plain path.
# Seen:     One match works, but the log says that the file could not be found. With two, the job passes and none of
#           their values arrives. Without a match, the run ends with a stack trace about rsync, and the next job does
#           not start. For a plain path that is not there, it does.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-fund --no-audit gitlab-ci-local@4.73.0 > log.txt
mkdir project
cd project
git init -q
git remote add origin git@gitlab.example.com:group/project.git

expect() { # exit code, words in the log, and what the next job sees; then the report and the command that makes it
    cat > .gitlab-ci.yml <<YAML
stages: [first, second]
first:
  stage: first
  script: ["$5"]
  artifacts: {reports: {dotenv: "$4"}}
second:
  stage: second
  script: ["echo A=\$A B=\$B > $work/seen.txt"]
YAML
    git add .gitlab-ci.yml
    git -c user.name=nobody -c user.email=nobody@example.com commit -q -m "Pipeline"
    rm -f ../seen.txt
    code=0
    ../node_modules/.bin/gitlab-ci-local --force-shell-executor --shell-isolation > ../log.txt 2>&1 || code=$?
    seen=$(cat ../seen.txt 2> ../none.txt || echo "not started")
    if [ "$code" != "$1" ] || [ "$seen" != "$3" ] || ! grep -q "$2" ../log.txt; then
        echo "Changed: for '$5' the exit code is $code, the next job has '$seen', and the log ends: $(tail -n 1 ../log.txt)"
        exit 1
    fi
}
expect 0 "could not be found" "A=1 B=" "out/*/job.env" "mkdir -p out/a; echo A=1 > out/a/job.env"
expect 0 "could not be found" "A= B=" "out/*/job.env" "mkdir -p out/a out/b; echo A=1 > out/a/job.env; echo B=2 > out/b/job.env"
expect 1 "rsync error" "not started" "out/*/job.env" "mkdir -p out/a"
expect 0 "could not be found" "A= B=" "out/a/job.env" "mkdir -p out/a"
echo "Still so: a pattern in reports:dotenv works for exactly one file."
