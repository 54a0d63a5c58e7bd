"""The environment that a pipeline is compiled for, and the names, places and tags that follow from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from sagemaker_ops.project.settings import Environment, Settings

ARGUMENTS = "arguments.txt"


@dataclass(frozen=True)
class Target:
    """One environment of the project, with the current step code and data.

    This is what `production/pipelines/*.py` receive. The definitions for two environments come from the same code and
    differ only in the values here.
    """

    settings: Settings
    environment_name: str
    code_hash: str
    """Hash of everything in production/steps as published: see publishing.py."""
    data_hash: str
    """Hash of a local [data].source; empty for an s3:// source, which stays where it is."""
    user: str = ""
    """The owner of a personal deployment; empty for the project's own."""
    schema_hash: str = ""
    """Hash of data/schema.toml; empty if there is none for [data].source."""
    hash_of: Callable[[str], str] | None = field(default=None, repr=False, compare=False)
    """The hash of the code that one script needs; None: each script gets all of it."""
    new_data_hash: str = ""
    """Hash of a local [predict].source; empty for an s3:// source, and if there is none."""
    has_requirements: bool = False
    """Whether production/steps has a requirements.txt."""

    @property
    def environment(self) -> Environment:
        return self.settings.environment(self.environment_name)

    @property
    def region(self) -> str:
        return self.settings.project.region

    @property
    def base(self) -> str:
        """`<vertical>-<project>`, the start of every name."""
        return f"{self.settings.project.vertical}-{self.settings.project.slug}"

    @property
    def suffix(self) -> str:
        """`<environment>`, or `<environment>-<user>` for a personal deployment: the end of every name."""
        return f"{self.environment_name}-{self.user}" if self.user else self.environment_name

    def pipeline_name(self, pipeline: str) -> str:
        return f"{self.base}-{pipeline}-{self.suffix}"

    @property
    def model_package_group(self) -> str:
        return f"{self.base}-{self.suffix}"

    @property
    def endpoint_name(self) -> str:
        return f"{self.base}-{self.suffix}"

    @property
    def root_uri(self) -> str:
        """`s3://<bucket>/<vertical>/<project>/<env>`, which contains everything of this target."""
        project = self.settings.project
        return f"s3://{self.environment.bucket}/{project.vertical}/{project.slug}/{self.environment_name}"

    @property
    def code_uri(self) -> str:
        """The folder of everything in production/steps; ends with a slash, as all folders here do."""
        return self.code_uri_of("")

    @property
    def sourcedir_uri(self) -> str:
        """The same code as an archive."""
        return self.sourcedir_uri_of("")

    def code_uri_of(self, script: str) -> str:
        """The folder of the code that a script needs, which its processing step mounts."""
        return f"{self._code_of(script)}/steps/"

    def sourcedir_uri_of(self, script: str) -> str:
        """The same code as the archive that the training toolkit of the image unpacks."""
        return f"{self._code_of(script)}/sourcedir.tar.gz"

    def archive_uri_of(self, script: str) -> str:
        """The same code as the archive that `spark-submit --py-files` takes."""
        return f"{self._code_of(script)}/code.zip"

    def _code_of(self, script: str) -> str:
        return f"{self.root_uri}/code/{self.hash_of(script) if self.hash_of else self.code_hash}"

    @property
    def data_uri(self) -> str:
        """The folder of the input data."""
        return f"{self.root_uri}/raw/{self.data_hash}/" if self.data_hash else self.settings.data.source

    @property
    def new_data_uri(self) -> str:
        """The folder of the rows to predict: [predict].source, or else the input data."""
        if self.new_data_hash:
            return f"{self.root_uri}/raw/{self.new_data_hash}/"
        return self.settings.predict.source or self.data_uri

    @property
    def schema_uri(self) -> str:
        """The folder of data/schema.toml, the required type of each column; empty if there is none."""
        return f"{self.root_uri}/code/{self.schema_hash}/schema/" if self.schema_hash else ""

    @property
    def arguments_uri(self) -> str:
        """The folder of the file with the arguments of [data]; empty if AWS accepts so many in any step."""
        content = self.settings.data.arguments_file.encode()
        return f"{self.root_uri}/code/{hashlib.sha256(content).hexdigest()[:16]}/arguments/" if content else ""

    @property
    def models_uri(self) -> str:
        """Contains a folder for each training job, with its model archive."""
        return f"{self.root_uri}/models"

    @property
    def runs_uri(self) -> str:
        """Contains a folder for each execution, with a folder for each step's outputs."""
        return f"{self.root_uri}/runs"

    @property
    def capture_uri(self) -> str:
        """Contains a folder for each endpoint, with the requests that it keeps."""
        return f"{self.root_uri}/capture"

    @property
    def tags(self) -> dict[str, str]:
        """The tags of every resource; ownership is read from them, never from a resource's name."""
        project = self.settings.project
        return {
            "vertical": project.vertical,
            "project": project.slug,
            "env": self.environment_name,
            "owner": project.owner,
            **({"user": self.user} if self.user else {}),
        }
