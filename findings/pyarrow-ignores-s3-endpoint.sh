#!/usr/bin/env bash
# pyarrow's S3FileSystem() does not go where AWS_ENDPOINT_URL_S3 says, but FileSystem.from_uri does.
#
# Versions: pyarrow 25.0.0, boto3 1.44.8, moto 5.2.5.
# Guess:    with AWS_ENDPOINT_URL_S3 set, boto3 and every file system of pyarrow talk to that endpoint, as botocore and
#           the AWS SDK in C++ both document the variable.
# Seen:     boto3 and FileSystem.from_uri("s3://bucket/…") find the object; S3FileSystem() asks AWS. It needs
#           endpoint_override. So a test with an emulator that sets the variable sends the code that uses the constructor
#           to the real S3. Known as apache/arrow#49643.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile pyarrow==25.0.0 boto3==1.44.8 'moto[s3]==5.2.5' flask==3.1.3 flask-cors==6.0.5

cat > check.py <<'PY'
import os
import sys

from moto.server import ThreadedMotoServer

server = ThreadedMotoServer("127.0.0.1", 0)
server.start()
host, port = server.get_host_and_port()
os.environ |= {
    "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    "HTTPS_PROXY": f"http://{host}:1", "https_proxy": f"http://{host}:1",  # nothing reaches AWS from here
}
import boto3
from pyarrow import fs

client = boto3.client("s3")
client.create_bucket(Bucket="bucket")
client.put_object(Bucket="bucket", Key="a.csv", Body=b"x\n1\n")
found, path = fs.FileSystem.from_uri("s3://bucket/a.csv")
if found.get_file_info(path).size != 4:
    sys.exit("Changed: from_uri does not go to the endpoint any more.")
plain = fs.S3FileSystem(region="us-east-1", connect_timeout=2, request_timeout=2, retry_strategy=fs.AwsStandardS3RetryStrategy(1))
try:
    plain.get_file_info("bucket/a.csv")
    sys.exit("Changed: S3FileSystem() goes to the endpoint.")
except OSError as error:  # from the proxy, on the way to AWS
    print(str(error)[:200], file=sys.stderr)
server.stop()
os._exit(0)
PY
venv/bin/python check.py > log.txt 2>&1 || { tail -n 3 log.txt; exit 1; }
echo "Still so: S3FileSystem() ignores AWS_ENDPOINT_URL_S3, which boto3 and FileSystem.from_uri follow."
