"""Builds the operator's container image on this machine, and runs containers of it, without a container engine.

buildah and crun come from Debian's packages, into the cache, and so does what the image is built on. That is close to
Google's "distroless" images: the same packages, the same absence of a shell. `parts` obtains all that, `enclosure`
gives the two programs the root directory that they were made for, `builder` builds, `container` runs. It is for root.
"""

from .builder import Builder, Image
from .container import Container
from .parts import Parts, ensure_parts

__all__ = ["Builder", "Container", "Image", "Parts", "ensure_parts"]
