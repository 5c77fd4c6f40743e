"""`python -m tools.release make|verify`: what `make release` and `make verify-release` run."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from ecr_secret_operator_lab.programs import BinariesError, ensure_programs
from ecr_secret_operator_lab.reporting import print_progress

from . import source as sources
from .base import push_base
from .edits import CannotEdit
from .making import Names, Release
from .programs import NAMES, Programs, ReleaseFailed, run, scratch_registry
from .signing import Signer
from .verifying import Verification
from .versions import NotAVersion, semver

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Makes or verifies a release; prints what failed and exits with 1."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("make", help="make a release and push it")
    make.set_defaults(command=_make)
    make.add_argument("--base", required=True, help="the image that the operator's image is built on, best by digest")
    make.add_argument("--key", help="private key of cosign; without it, signatures are keyless")
    make.add_argument("--dry-run", action="store_true", help="push to a registry that is deleted at the end")
    verify = commands.add_parser("verify", help="download a release and check it")
    verify.set_defaults(command=_verify)
    verify.add_argument("--key", help="public key of cosign")
    verify.add_argument("--identity", help="identity in the certificate of keyless signatures")
    verify.add_argument("--issuer", help="issuer of that identity")
    base = commands.add_parser("base", help="push a base image that is made of Debian's packages; as root")
    base.set_defaults(command=_base)
    for one in (make, verify, base):
        one.add_argument("--registry", required=True, help="host and path, such as quay.io/rh-mobb")
    for one in (make, verify):
        one.add_argument("--version", required=True, help="such as 1.0.0 or 1.0.0rc1")
        one.add_argument("--dist", type=Path, default=ROOT / "dist", help="directory with the files of the release")
    options = parser.parse_args()
    try:
        options.command(options)
    except (ReleaseFailed, NotAVersion, CannotEdit, BinariesError) as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


def _make(options: argparse.Namespace) -> None:
    version, dist = semver(options.version), options.dist.absolute()
    key = str(Path(options.key).absolute()) if options.key else None
    with _programs(*NAMES) as programs:
        named = Names(options.registry, version)
        source = sources.prepared(ROOT, version, named.operator, programs.home / "source")
        shutil.rmtree(dist, ignore_errors=True)
        dist.mkdir(parents=True)
        scratch = scratch_registry(programs.paths["crane"], programs.home / "registry.log")
        with scratch if options.dry_run else nullcontext(options.registry) as registry:
            release = Release(
                programs=programs,
                source=source,
                named=named,
                pushed=Names(registry, version),
                base=options.base,
                dist=dist,
                signer=None if options.dry_run and key is None else Signer(programs, key),
                report=print_progress,
            )
            release.make()
        print_progress(f"The files of the release are in {dist}")
        if not options.dry_run:
            run(["git", "fetch", "--quiet", str(source.root), f"refs/tags/{source.tag}:refs/tags/{source.tag}"], ROOT)
            print_progress(f"Tag {source.tag} is the commit of the release: push it, and merge it into the main branch")


def _verify(options: argparse.Namespace) -> None:
    key = str(Path(options.key).absolute()) if options.key else None
    identity = (options.identity, options.issuer) if options.identity and options.issuer else None
    with _programs(*NAMES) as programs:
        Verification(
            programs=programs,
            names=Names(options.registry, semver(options.version)),
            dist=options.dist.absolute(),
            verifier=Signer(programs, key, identity),
            report=print_progress,
        ).verify()


def _base(options: argparse.Namespace) -> None:
    with _programs("crane") as programs:
        reference = push_base(programs, options.registry, print_progress)
    print(f"BASE_RUN={reference}")  # noqa: T201 - a command


@contextmanager
def _programs(*names: str) -> Iterator[Programs]:
    """The programs, in a home that is removed at the end."""
    paths = ensure_programs(names, print_progress)
    with tempfile.TemporaryDirectory(prefix="ecr-release-") as home:
        yield Programs(paths, Path(home))


if __name__ == "__main__":
    sys.exit(main())
