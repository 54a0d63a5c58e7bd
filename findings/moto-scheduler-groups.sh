#!/usr/bin/env bash
# moto makes a schedule group anew if it exists, and the schedules in it are gone.
#
# Versions: moto 5.2.5, boto3 1.44.8.
# Guess:    CreateScheduleGroup with a name that exists is refused with ConflictException, as on AWS, so "create it, and go on
#           if it is there" can be tested. And an expression that AWS refuses, such as a cron of Unix with five fields, is refused.
# Seen:     the second call succeeds and ListSchedules is empty afterwards: code that creates the group before each schedule
#           passes its test with one schedule and loses those of others. Any text is an expression.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile moto==5.2.5 boto3==1.44.8

AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=eu-west-1 venv/bin/python -W ignore - <<'PY'
import sys
import boto3
from moto import mock_aws

TARGET = {"Arn": "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/train", "RoleArn": "arn:aws:iam::123456789012:role/starter"}
with mock_aws():
    client = boto3.client("scheduler")
    client.create_schedule_group(Name="team")
    made = {"GroupName": "team", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": TARGET}
    client.create_schedule(Name="daily", ScheduleExpression="0 6 * * *", **made)
    before = [each["Name"] for each in client.list_schedules(GroupName="team")["Schedules"]]
    try:
        client.create_schedule_group(Name="team")
    except client.exceptions.ConflictException:
        sys.exit("Changed: moto refuses a group that exists.")
    after = [each["Name"] for each in client.list_schedules(GroupName="team")["Schedules"]]
print(before, after)
if before != ["daily"] or after != []:
    sys.exit(f"Changed: {before} before, {after} afterwards.")
PY
echo "Still so: a group that is created again loses its schedules."
