#!/usr/bin/env bash
# After cruft update has failed to apply some changes, neither its exit code nor "cruft check" knows of them.
#
# Versions: cruft 2.16.0 with cookiecutter 2.7.1.
# Guess:    Each change of the template that cannot be applied leaves a .rej file or conflict markers, or "update"
#           fails.
# Seen:     A line that both sides changed leaves a.txt.rej. A file that the template deleted and the team edited
#           stays, and a file that both added keeps the team's text; nothing in the folder tells of these two.
#           "update" ends with "Good work!" and exit code 0, "check" with success, and no later update offers the
#           changes again.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME="$work" GIT_AUTHOR_NAME=nobody GIT_AUTHOR_EMAIL=nobody@example.com
export GIT_COMMITTER_NAME=nobody GIT_COMMITTER_EMAIL=nobody@example.com
python3 -m venv venv
venv/bin/pip install -q --no-compile cruft==2.16.0 cookiecutter==2.7.1

commit() { git -C "$1" init -q && git -C "$1" add -A && git -C "$1" commit -q -m "Change"; }
folder='template/{{cookiecutter.name}}'
mkdir -p "$folder"
echo '{"name": "project"}' > template/cookiecutter.json
printf '1\n2\n3\n' | tee "$folder/a.txt" > "$folder/deleted.txt"
commit template
venv/bin/cruft create -y "$work/template" > log.txt
commit project

printf '1\ntemplate\n3\n' > "$folder/a.txt"
rm "$folder/deleted.txt"
echo template > "$folder/added.txt"
commit template
printf '1\nteam\n3\n' | tee project/a.txt > project/deleted.txt
echo team > project/added.txt
commit project

cd project
if ! ../venv/bin/cruft update -y > ../log.txt 2>&1 || ! grep -q "Good work!" ../log.txt; then
    echo "Changed: an update that cannot apply everything no longer ends with 'Good work!' and exit code 0."
    exit 1
fi
seen=$(git status --porcelain | sort | tr -s ' \n' ' ')
if [ "$seen" != "?? a.txt.rej M .cruft.json " ] && [ "$seen" != " M .cruft.json ?? a.txt.rej " ]; then
    echo "Changed: the update now leaves '$seen'."
    exit 1
fi
if ! ../venv/bin/cruft check > ../log.txt 2>&1; then
    echo "Changed: cruft check now says that something is missing."
    exit 1
fi
echo "Still so: a deletion and an addition that met a change of the team are lost, and cruft check is content."
