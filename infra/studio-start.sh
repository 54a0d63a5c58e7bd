#!/bin/bash
# Lifecycle script for JupyterLab: it runs as sagemaker-user whenever a space starts, before JupyterLab. studio.yaml installs it.
# A space whose script fails, or takes more than 5 minutes, does not start. So nothing here uses the network, and it ends with 0.
# Idle shutdown needs no script: it is a setting of the domain, in studio.yaml.
set +e

# For the platform team; leave empty what you do not need.
INDEX_URL="" # your mirror of PyPI: https://pypi.example.com/simple
PROXY=""     # http://proxy.example.com:3128
NO_PROXY=""  # what is reached without the proxy: localhost,169.254.0.0/16,.amazonaws.com
CA_FILE=""   # certificates of a private CA, as a PEM file in the image
GIT_HOURS=8  # how long git remembers a token, in memory only

SETTINGS="$HOME/.config/studio-start.sh"

settings() { # the variables of each shell
  # shellcheck disable=SC2016 # the shell that reads the file expands them
  echo 'case ":$PATH:" in *":$HOME/.local/bin:"*) ;; *) export PATH="$HOME/.local/bin:$PATH" ;; esac'
  if [ -n "$PROXY" ]; then
    printf 'export http_proxy=%q https_proxy=%q no_proxy=%q\n' "$PROXY" "$PROXY" "$NO_PROXY"
  fi
  if [ -n "$CA_FILE" ]; then
    printf 'export SSL_CERT_FILE=%q PIP_CERT=%q GIT_SSL_CAINFO=%q\n' "$CA_FILE" "$CA_FILE" "$CA_FILE"
    printf 'export REQUESTS_CA_BUNDLE=%q AWS_CA_BUNDLE=%q\n' "$CA_FILE" "$CA_FILE"
  fi
  if [ -n "$INDEX_URL" ]; then
    printf 'export PIP_INDEX_URL=%q\n' "$INDEX_URL" # `make setup` passes it to uv
  fi
}

mkdir -p "$HOME/.config" "$HOME/.local/bin"
settings > "$SETTINGS"
for file in "$HOME/.bashrc" "$HOME/.profile"; do
  grep -qsF "$SETTINGS" "$file" || echo ". \"$SETTINGS\"" >> "$file"
done

# Only what the user has not set.
git config --global --get-all credential.helper > /dev/null ||
  git config --global credential.helper "cache --timeout=$((GIT_HOURS * 3600))"
git config --global --get init.defaultBranch > /dev/null || git config --global init.defaultBranch main

df -h "$HOME" | tail -n 1 # in CloudWatch: log group /aws/sagemaker/studio, stream …/LifecycleConfigOnStart
exit 0
