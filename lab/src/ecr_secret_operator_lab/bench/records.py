"""What is measured, as plain records: they are the JSON file, and the table and the plot are made of them."""

from __future__ import annotations

import msgspec


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """An operator that finds nothing to do.

    Attributes:
        seconds: from its start until it is ready.
        cpu_seconds: of the process, user and system, for its start.
        peak_kib: most memory that it ever had resident (VmHWM).
    """

    seconds: float
    cpu_seconds: float
    peak_kib: int


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """An operator that is started with every resource waiting to be served.

    Attributes:
        writes: that were sent to the API server, as it counted them.
        needed_writes: that cannot be done without: one of a Secret and one of a status for each resource.
        seconds: from when its caches are filled until the last resource is seen to be served.
        seconds_from_start: the same from when the process is started.
        ceiling_seconds: that the lean client takes for the needed writes.
        ratio: the operator's speed as a share of the lean client's.
        ratio_from_start: the same with the start of the process counted in.
        aws_calls: that were made.
        cpu_seconds: of the process, all in all.
        cpu_ms_per_resource: beyond what a start costs that finds nothing to do.
        ceiling_cpu_ms_per_resource: of the lean client's process.
        peak_kib: most memory that it ever had resident (VmHWM).
    """

    writes: int
    needed_writes: int
    seconds: float
    seconds_from_start: float
    ceiling_seconds: float
    ratio: float
    ratio_from_start: float
    aws_calls: int
    cpu_seconds: float
    cpu_ms_per_resource: float
    ceiling_cpu_ms_per_resource: float
    peak_kib: int


class Restart(msgspec.Struct, frozen=True, kw_only=True):
    """An operator that is started when all that is stored is still good.

    Attributes:
        seconds: from its start until its caches are filled.
        writes: that were sent to the API server, as it counted them.
        aws_calls: that were made.
        cpu_seconds: of the process, all in all.
        peak_kib: most memory that it ever had resident (VmHWM).
    """

    seconds: float
    writes: int
    aws_calls: int
    cpu_seconds: float
    peak_kib: int


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """Resources that are created one after the other, while the operator has nothing else to do.

    Attributes:
        created: how many.
        per_second: how many in a second.
        p50_ms: time from the request that creates one until it is seen to be served: of half of them at most this.
        p99_ms: of 99 of 100 at most this.
        max_ms: of all at most this.
        aws_calls: that were made meanwhile.
    """

    created: int
    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    aws_calls: int


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Another operator on the same work. Its `seconds` count from its start: it does not say when it is ready."""

    idle: Idle
    first_service: Job
    restart: Restart


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """All that was measured with one number of resources, on one control plane."""

    resources: int
    idle: Idle
    first_service: Job
    restart: Restart
    rotation: Job
    stream: Stream
    peer: Peer | None = None

    @property
    def peak_kib(self) -> int:
        """The most memory of all the jobs."""
        jobs = (self.first_service, self.restart, self.rotation)
        return max(job.peak_kib for job in jobs)


class SmallRow(msgspec.Struct, frozen=True, kw_only=True):
    """An operator with a few resources, from its start until it has had nothing to do for a while.

    Attributes:
        peak_kib: most memory that it ever had resident (VmHWM).
        idle_kib: memory that it has resident when it has nothing to do (VmRSS).
        idle_cpu_share: CPU that it uses then, as a share of one CPU.
        aws_calls: that were made.
    """

    peak_kib: int
    idle_kib: int
    idle_cpu_share: float
    aws_calls: int


class Small(msgspec.Struct, frozen=True, kw_only=True):
    """A small installation.

    Attributes:
        resources: how many there are.
        seconds: from the start of the process until its caches are filled.
        cpu_seconds: of the process, user and system, for its start.
        first_service: no resource has been served yet.
        restart: all that is stored is still good.
    """

    resources: int
    seconds: float
    cpu_seconds: float
    first_service: SmallRow
    restart: SmallRow
    peer: SmallRow | None = None


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """What changes with the number of resources.

    Attributes:
        smaller, larger: the two numbers of resources.
        cpu_ratio: CPU for each resource at the larger, as a multiple of that at the smaller: 1 where cost is linear.
        flat: whether that is so, within what a measurement tells.
        peak_kib_per_resource: memory that each further resource took at the peak.
    """

    smaller: int
    larger: int
    cpu_ratio: float
    flat: bool
    peak_kib_per_resource: float


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One ClusterPullSecret beside the ceiling.

    Attributes:
        job: what was done.
        writes: how many writes to Secrets that takes.
        seconds: that the operator took.
        ceiling_seconds: that the lean client took for the same writes.
        ratio: the operator's speed as a share of the lean client's.
        aws_calls: that the operator made.
    """

    job: str
    writes: int
    seconds: float
    ceiling_seconds: float
    ratio: float
    aws_calls: int


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What it was measured on.

    Attributes:
        load: average number of processes that wanted to run in the minute before: those of other programs.
    """

    cpus: int
    memory_gib: float
    python: str
    kubernetes: str
    load: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the benchmark.

    Attributes:
        taken_at: when it began (UTC).
        concurrency: reconciles at a time, and the lean client's resources at a time.
        repeat: how often everything was measured; the middle one is what is shown.
    """

    taken_at: str
    machine: Machine
    concurrency: int
    repeat: int
    sizes: list[Size]
    growth: list[Growth]
    namespaces: list[Round]
    small: Small | None = None
