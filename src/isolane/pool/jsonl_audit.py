"""An audit trail in a file, one JSON object a line."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path

from isolane.pool.audit import AuditRecord, to_json
from isolane.pool.errors import AuditError


class JsonlAudit:
    """Appends records to a file. Each goes out by a ``write`` of its own: a process that is killed loses none.

    A file that is there is gone on with, and its numbers of calls, too; what a killed process left of a last line is
    cut. For that one number a ``state_id`` is kept in memory, some 100 bytes. What JSON has no form for is written as
    its ``repr``. The file is locked: a second writer, in any process, gets an :class:`AuditError`, and so does who
    names a file that cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._next: dict[str, int] = {}
        self._descriptor = -1
        try:
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._size = self._read()
            os.ftruncate(self._descriptor, self._size)
        except BlockingIOError as error:
            self.close()
            raise AuditError(f"{self.path} is another audit's.", "Name another file, or take SqliteAudit.") from error
        except OSError as error:
            self.close()
            raise self._failed(error) from error
        except AuditError:
            self.close()
            raise

    def next_call_index(self, state_id: str) -> int:
        """Return the index of the next call for that name."""
        return self._next.get(state_id, 0)

    def write(self, record: AuditRecord) -> None:
        """Append a record. Of one that does not fit on the disk nothing stays behind."""
        fields = (f"{json.dumps(name)}: {to_json(value)}" for name, value in record.as_data().items())
        data = f"{{{', '.join(fields)}}}\n".encode()
        with self._lock:
            if self._descriptor < 0:
                raise AuditError(f"{self.path} is closed.", "Close the audit after the executor.")
            try:
                written = 0
                while written < len(data):
                    written += os.write(self._descriptor, data[written:])
            except OSError as error:
                os.ftruncate(self._descriptor, self._size)
                raise self._failed(error) from error
            self._size += len(data)
            self._next[record.state_id] = record.call_index + 1

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                os.close(descriptor)

    def __enter__(self) -> JsonlAudit:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> int:
        """Take over the numbers of a file that is there, and return the bytes of its whole lines."""
        size = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                size += len(line)
                try:
                    data = json.loads(line)
                    state_id, index = data["state_id"], int(data["call_index"])
                except (ValueError, KeyError, TypeError) as error:
                    what = f"{self.path}, line {number}, is no record of a call."
                    raise AuditError(what, "Name another file.") from error
                self._next[state_id] = max(self._next.get(state_id, 0), index + 1)
        return size

    def _failed(self, error: OSError) -> AuditError:
        return AuditError(f"{self.path} cannot be written: {error.strerror}.", "Free the disk, or name another file.")
