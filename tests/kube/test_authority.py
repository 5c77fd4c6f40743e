"""The certificate authority of the API server, in a file that is replaced when a cluster rotates it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from ecr_secret_operator.errors import Unavailable
from ecr_secret_operator.kube import config
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.objects import ObjectRef
from ecr_secret_operator_lab.controlplane.pki import Authority
from ecr_secret_operator_lab.operator import free_port


@asynccontextmanager
async def serving(port: int, authority: Authority, folder: Path) -> AsyncIterator[None]:
    """An API server with a certificate of this authority."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"metadata": {"name": "found"}})

    pair, tls = authority.server(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    (folder / "server.pem").write_bytes(pair.private + pair.public)
    tls.load_cert_chain(folder / "server.pem")
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    try:
        yield
    finally:
        await runner.cleanup()


Configure = Callable[[int, Path, pytest.MonkeyPatch], None]


def in_cluster(port: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "token").write_text("a-token")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))
    monkeypatch.setattr(config, "_SERVICE_ACCOUNT", folder)


def by_kubeconfig(port: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": "ca.crt"}
    context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
    named = {"clusters": [{"name": "a", "cluster": cluster}], "users": [{"name": "a"}], "contexts": [context]}
    (folder / "kubeconfig").write_text(yaml.safe_dump({**named, "current-context": "a"}))
    monkeypatch.setenv("KUBECONFIG", str(folder / "kubeconfig"))


@pytest.mark.parametrize("configure", [in_cluster, by_kubeconfig])
async def test_an_authority_that_is_replaced_counts_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configure: Configure
) -> None:
    old, new, port = Authority.create(), Authority.create(), free_port()
    (tmp_path / "ca.crt").write_bytes(old.pem)
    configure(port, tmp_path, monkeypatch)
    client = Client(config.load_config(None).connection, user_agent="test")
    async with serving(port, old, tmp_path):
        assert (await client.get("/a", ObjectRef)).metadata.name == "found"
    async with serving(port, new, tmp_path):
        with pytest.raises(Unavailable, match="certificate verify failed"):
            await client.get("/a", ObjectRef)
        (tmp_path / "ca.crt").write_bytes(old.pem + new.pem)
        assert (await client.get("/a", ObjectRef)).metadata.name == "found"
        (tmp_path / "ca.crt").write_bytes(old.pem)
        with pytest.raises(Unavailable, match="certificate verify failed"):
            await client.get("/a", ObjectRef)
    await client.close()


async def test_an_authority_that_becomes_useless_is_no_reason_to_trust_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, port = Authority.create(), free_port()
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    in_cluster(port, tmp_path, monkeypatch)
    client = Client(config.load_config(None).connection, user_agent="test")
    async with serving(port, authority, tmp_path):
        (tmp_path / "ca.crt").write_text("nothing")
        with pytest.raises(Unavailable):
            await client.get("/a", ObjectRef)
        (tmp_path / "ca.crt").write_bytes(authority.pem)
        assert (await client.get("/a", ObjectRef)).metadata.name == "found"
    await client.close()
