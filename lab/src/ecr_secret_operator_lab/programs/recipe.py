"""What a program is built from: a Go module that pins it and all that it consists of."""

import hashlib
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

GO_MOD, GO_SUM = "go.mod", "go.sum"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Programs that are built from one Go module.

    Attributes:
        name: of their place in the cache.
        product: what a person calls the software.
        module: the Go module whose version is the product's.
        packages: each program and the Go package that it is built from.
        directory: holds go.mod and go.sum.
        override: the variable that names a directory with programs of the user's own, for the error's advice.
        tags: build tags, which leave out parts that need more than Go.
        sources: Go files of the program itself beside go.mod, where no module has such a program.
        stamps: Go variables that tell a program who it is. In their values `{version}` means v1.2.3, `{number}`
            for 1.2.3, `{major}` and `{minor}` for 1 and 2.
    """

    name: str
    product: str
    module: str
    packages: Mapping[str, str]
    directory: Traversable
    override: str
    stamps: Mapping[str, str]
    tags: Sequence[str] = ()
    sources: Sequence[str] = ()

    @property
    def files(self) -> Sequence[str]:
        """All files that a build needs."""
        return (GO_MOD, GO_SUM, *self.sources)

    def built_name(self, program: str) -> str:
        """The file that `go build` writes for a program: it has the last name in the path that is not a version."""
        package = self.packages[program]
        path = self._find(r"^module (\S+)")[0] if package == "." else package
        return [part for part in path.split("/") if not re.fullmatch(r"v\d+", part)][-1]

    def pinned(self, name: str) -> str:
        """The text of a file of the module."""
        return self.directory.joinpath(name).read_text()

    def pinned_version(self, module: str) -> str:
        """The version that go.mod requires of a module, with its leading v."""
        (version,) = self._find(rf"^(?:require)?\s+{re.escape(module)} (v\S+)")
        return version

    @property
    def version(self) -> str:
        """The product's version, with its leading v."""
        return self.pinned_version(self.module)

    @property
    def go(self) -> tuple[int, int, int]:
        """The oldest Go that will do."""
        major, minor, patch = self._find(r"^go (\d+)\.(\d+)\.(\d+)$")
        return int(major), int(minor), int(patch)

    @property
    def linker_flags(self) -> str:
        """Small programs that know their version; an API server that does not know it misjudges its own APIs."""
        number = self.version.removeprefix("v")
        major, minor, _ = number.split(".", 2)
        told = {"version": self.version, "number": number, "major": major, "minor": minor}
        return " ".join(("-s -w", *(f"-X {key}={value.format_map(told)}" for key, value in self.stamps.items())))

    def home(self, cache_directory: Path) -> Path:
        """Where the programs of exactly this recipe lie in the cache."""
        identity = "".join((self.pinned(GO_SUM), *self.tags, *map(self.pinned, self.sources)))
        digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
        return cache_directory / self.name / "-".join((self.version, *system(), digest))

    def _find(self, pattern: str) -> tuple[str, ...]:
        match = re.search(pattern, self.pinned(GO_MOD), re.MULTILINE)
        if match is None:
            raise ValueError(f"go.mod of {self.name} has no line like {pattern}")
        return match.groups()


def system() -> tuple[str, str]:
    """This machine as Go names it: operating system and architecture."""
    machine = platform.machine().lower()
    return sys.platform, ARCHITECTURES.get(machine, machine)
