"""What is asked of a worker process: one frame a question, one a reply.

A frame is its length (4 bytes, little-endian) and its payload. A reply's payload is the interpreter's answer; the first
of a process is ``READY``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

LENGTH = struct.Struct("<I")
READY = b"ready"
_HEAD = struct.Struct("<BBdQI")
RUN, CONDITION, CHECK = 0, 1, 2


@dataclass(frozen=True)
class Request:
    """A rule's code and its state, as bytes, and what it may take.

    seconds, instructions: as for an interpreter.
    """

    kind: int
    code: bytes
    state: bytes
    seconds: float
    instructions: int

    def as_bytes(self, *, anew: bool) -> bytes:
        """Return the payload. anew: whether the process has to begin a fresh Lua state for it."""
        head = _HEAD.pack(self.kind, anew, self.seconds, self.instructions, len(self.code))
        return head + self.code + self.state

    @classmethod
    def of(cls, payload: bytes) -> tuple[Request, bool]:
        """Return the request of a payload, and whether it wants a fresh state."""
        kind, anew, seconds, instructions, length = _HEAD.unpack_from(payload)
        end = _HEAD.size + length
        return cls(kind, payload[_HEAD.size : end], payload[end:], seconds, instructions), bool(anew)
