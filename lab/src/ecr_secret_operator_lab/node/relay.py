"""Relays TCP connections between the network namespace of an enclosure and that of this machine.

A socket belongs to the namespace in which it was created, whichever namespace its process is in later. So one process
can listen in one namespace and connect in the other, and no address or route of this machine changes.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..streams import copy

CLONE_NEWNET = 0x40000000
LOOPBACK, ANY = "127.0.0.1", "0.0.0.0"  # noqa: S104 - all addresses of the enclosure, which no other machine reaches
BACKLOG = 1024
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace, by a file that refers to it."""

    file: Path

    def new_socket(self) -> socket.socket:
        """Creates a TCP socket in it."""
        with _entered(self.file):
            created = socket.socket()
        created.settimeout(0)
        return created

    def listen(self, address: str, port: int) -> socket.socket:
        """Listens at an address in it; port 0 takes a free one."""
        listener = self.new_socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        return listener


THIS_MACHINE = Namespace(Path("/proc/self/ns/net"))


@contextmanager
def _entered(file: Path) -> Iterator[None]:
    """Has this thread in another network namespace for a moment."""
    own, other = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(file, os.O_RDONLY)
    try:
        _set_namespace(other)
        try:
            yield
        finally:
            _set_namespace(own)
    finally:
        os.close(own)
        os.close(other)


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


async def relay(listener: socket.socket, target: Namespace, port: int) -> asyncio.Server:
    """Passes on what connects to a listening socket, to a port of the loopback address in a namespace."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                await _serve(reader, writer, target, port)
        finally:
            writer.close()

    return await asyncio.start_server(serve, sock=listener)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Namespace, port: int) -> None:
    connection = target.new_socket()
    try:
        await asyncio.get_running_loop().sock_connect(connection, (LOOPBACK, port))
        other_reader, other_writer = await asyncio.open_connection(sock=connection)
    except OSError:
        connection.close()
        raise
    try:
        await asyncio.gather(copy(reader, other_writer), copy(other_reader, writer))
    finally:
        other_writer.close()
