#!/usr/bin/env bash
# gitlab-ci-local names a project folder that does not exist in every job that has an image, although it runs none.
#
# Versions: gitlab-ci-local 4.73.0 with --force-shell-executor --shell-isolation (Node.js 20; needs git and rsync).
# Guess:    --force-shell-executor ignores "image:" altogether. Then CI_PROJECT_DIR is the folder that the job runs in.
# Seen:     This is so in a job without an image. With one, CI_PROJECT_DIR is /builds/GROUP/PROJECT, as in a container,
#           but the job runs in the same kind of folder as before. So a cache folder in $CI_PROJECT_DIR, which is
#           common for pip, is on the machine's own disk, or cannot be written.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-fund --no-audit gitlab-ci-local@4.73.0 > log.txt
mkdir project
cd project
cat > .gitlab-ci.yml <<YAML
variables:
  PIP_CACHE_DIR: \$CI_PROJECT_DIR/.cache
plain:
  script:
    - printf '%s\n' "\$PWD" "\$CI_PROJECT_DIR" "\$PIP_CACHE_DIR" > $work/plain.txt
contained:
  image: python:3.12
  script:
    - printf '%s\n' "\$PWD" "\$CI_PROJECT_DIR" "\$PIP_CACHE_DIR" > $work/contained.txt
YAML
git init -q
git add .
git -c user.name=nobody -c user.email=nobody@example.com commit -q -m "Pipeline"
git remote add origin git@gitlab.example.com:group/project.git
if ! ../node_modules/.bin/gitlab-ci-local --force-shell-executor --shell-isolation > ../log.txt 2>&1; then
    echo "Changed: the run now fails: $(tail -n 1 ../log.txt)"
    exit 1
fi
builds=$(pwd -P)/.gitlab-ci-local/builds
expect() { # job, then its folder, CI_PROJECT_DIR and the variable made of it
    if [ "$(cat "../$1.txt")" != "$(printf '%s\n' "$2" "$3" "$4")" ]; then
        echo "Changed: the job '$1' now has:" $(cat "../$1.txt")
        exit 1
    fi
}
expect plain "$builds/plain" "$builds/plain" "$builds/plain/.cache"
expect contained "$builds/contained" /builds/group/project /builds/group/project/.cache
echo "Still so: with an image that is not used, CI_PROJECT_DIR is not the folder of the job."
