#!/usr/bin/env bash
# Cookiecutter's --replay-file keeps an answer that the template no longer offers, but asks each question that is
# new.
#
# Versions: cookiecutter 2.7.1.
# Guess:    A replayed answer is checked like one on the command line, and a new question gets its default, because
#           a replay needs nobody at the terminal.
# Seen:     The template's choices change from [xgboost, lightgbm] to [lightgbm, sklearn]. "model=xgboost" on the
#           command line is refused. Replaying the file that an earlier run recorded renders xgboost, with exit code
#           0. Once the template has one more question, the replay asks it, and ends with "Aborted!" where nobody
#           can answer.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME="$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile cookiecutter==2.7.1

mkdir -p template/'{{cookiecutter.name}}'
echo '{{cookiecutter.model}} {{cookiecutter.region}}' > template/'{{cookiecutter.name}}/answers.txt'
echo '{"name": "project", "model": ["xgboost", "lightgbm"], "region": "one"}' > template/cookiecutter.json
venv/bin/cookiecutter --no-input --output-dir before template region=two
cp .cookiecutter_replay/template.json recorded.json
replay() { venv/bin/cookiecutter --replay-file recorded.json --output-dir "$1" template < /dev/null > log.txt 2>&1; }

echo '{"name": "project", "model": ["lightgbm", "sklearn"], "region": "one"}' > template/cookiecutter.json
if venv/bin/cookiecutter --no-input --output-dir by-hand template model=xgboost > log.txt 2>&1; then
    echo "Changed: an unknown choice on the command line is now accepted."
    exit 1
fi
if ! replay lost-choice || [ "$(cat lost-choice/project/answers.txt)" != "xgboost two" ]; then
    echo "Changed: replaying an unknown choice now ends with: $(tail -n 1 log.txt)"
    exit 1
fi
echo '{"name": "project", "model": ["lightgbm"], "region": "one", "tier": "dev"}' > template/cookiecutter.json
if replay new-question || ! grep -q "Aborted" log.txt; then
    echo "Changed: a replay with a new question now ends with: $(tail -n 1 log.txt)"
    exit 1
fi
echo "Still so: a replayed answer is not checked against the choices, and a new question is asked."
