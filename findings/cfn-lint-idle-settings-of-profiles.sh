#!/usr/bin/env bash
# CloudFormation's schema lets a SageMaker Studio domain stop idle spaces, but not one user's profile.
#
# Versions: cfn-lint 1.58.0, which carries CloudFormation's own schemas.
# Guess:    UserSettings of a profile has the same JupyterLabAppSettings as DefaultUserSettings of a domain, as in the
#           API, where both are one type. So a stack can give a single person a longer idle time.
# Seen:     The schema of AWS::SageMaker::UserProfile describes IdleSettings and AppLifecycleManagement, but its
#           JupyterLabAppSettings has no key for them: error E3002. The same lines in a domain are valid.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile cfn-lint==1.58.0

settings='{JupyterLabAppSettings: {AppLifecycleManagement: {IdleSettings: {LifecycleManagement: ENABLED, IdleTimeoutInMinutes: 240}}}}'
cat > domain.yaml <<YAML
Resources:
  It:
    Type: AWS::SageMaker::Domain
    Properties: {DomainName: d, AuthMode: IAM, VpcId: vpc-0a1b2c3d, SubnetIds: [subnet-0a1b2c3d], DefaultUserSettings: $settings}
YAML
sed -i 's/DefaultUserSettings: {/DefaultUserSettings: {ExecutionRole: "arn:aws:iam::123456789012:role\/studio", /' domain.yaml
cat > profile.yaml <<YAML
Resources:
  It:
    Type: AWS::SageMaker::UserProfile
    Properties: {DomainId: d-0a1b2c3d, UserProfileName: ana, UserSettings: $settings}
YAML
if ! venv/bin/cfn-lint domain.yaml > domain.txt; then
  echo "Changed: the domain is refused: $(head -n 1 domain.txt)"
  exit 1
fi
if venv/bin/cfn-lint profile.yaml > profile.txt; then
  echo "Changed: the profile is accepted."
  exit 1
fi
if ! grep -q "E3002.*AppLifecycleManagement" profile.txt; then
  echo "Changed: $(head -n 1 profile.txt)"
  exit 1
fi
venv/bin/python - <<'PY'
import sys
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as schemas

found = schemas.get_resource_schema("us-east-1", "AWS::SageMaker::UserProfile").schema["definitions"]
if not {"AppLifecycleManagement", "IdleSettings"} <= found.keys():
    sys.exit("Changed: the schema of a profile no longer describes IdleSettings.")
PY
echo "Still so: idle settings belong to the domain, not to a profile."
