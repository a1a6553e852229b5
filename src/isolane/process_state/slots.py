"""Slots that hold one thing each, a hook, a stream or a switch: what they hold is read, compared, put back.

A kind of state that is nothing but slots is a subclass that names them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from isolane.model.state import Change, Level, Plain
from isolane.process_state.base import RestoreError
from isolane.process_state.glance import Signs
from isolane.process_state.places import module_of, qualified_name
from isolane.process_state.sequences import same_items

Values = tuple[Any, ...]
"""What the slots hold, in their order."""


class Slot(NamedTuple):
    """One place: its name, how to read it (never raises), and how to put something into it."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


def attribute_slot(module: Any, attribute: str, name: str = "") -> Slot:
    """Return the slot that is an attribute of a module; ``None`` stands for one that is not there."""
    return Slot(
        name or f"{module.__name__}.{attribute}",
        partial(getattr, module, attribute, None),
        partial(setattr, module, attribute),
    )


class SlotsKind:
    """A kind whose slots hold objects, compared by identity."""

    name = ""
    slots: tuple[Slot, ...] = ()

    def same(self, slot: Slot, before: Any, after: Any) -> bool:  # noqa: ARG002  # for subclasses to tell apart by
        """Whether nothing has happened to the slot that anyone should hear of, or undo."""
        return before is after

    def level(self, slot: Slot, before: Any, after: Any) -> Level:  # noqa: ARG002
        """Return how bad it is that the slot does not hold what it held."""
        return Level.DANGEROUS

    def describe(self, slot: Slot, value: Any) -> Plain:  # noqa: ARG002
        """Return in plain data what a slot holds."""
        return name_of(value)

    def snapshot(self) -> Values:
        """Read every slot."""
        return tuple([slot.read() for slot in self.slots])

    def signs(self) -> Signs:
        """Return what the slots hold."""
        return Signs(objects=(self.snapshot,))

    def diff(self, before: Values, after: Values) -> list[Change]:
        """Return a change a slot that holds something else."""
        if same_items(before, after):
            return []
        return [
            Change(self.name, slot.name, self.describe(slot, old), self.describe(slot, new), self.level(slot, old, new))
            for slot, old, new in zip(self.slots, before, after, strict=True)
            if not self.same(slot, old, new)
        ]

    def rebase(self, pending: Values, before: Values, after: Values) -> Values:
        """Take over what was put into the slots that changed."""
        return tuple(
            kept if self.same(slot, old, new) else new
            for slot, kept, old, new in zip(self.slots, pending, before, after, strict=True)
        )

    def restore(self, before: Values) -> None:
        """Put back what the slots held, in their order, also behind one that cannot be put back."""
        failed: RestoreError | None = None
        for slot, old in zip(self.slots, before, strict=True):
            if not self.same(slot, old, slot.read()):
                try:
                    slot.write(old)
                except RestoreError as error:
                    failed = failed or error
        if failed is not None:
            raise failed


class ValuesKind(SlotsKind):
    """A kind whose slots hold plain values, numbers or text, compared by equality."""

    def signs(self) -> Signs:
        """Return what the slots hold."""
        return Signs(values=(self.snapshot,))

    def same(self, slot: Slot, before: Any, after: Any) -> bool:  # noqa: ARG002
        """Whether the values are equal."""
        return bool(before == after)

    def describe(self, slot: Slot, value: Any) -> Plain:  # noqa: ARG002
        """Return the value; as text, if it is of no plain type."""
        return value if value is None or isinstance(value, (str, int)) else str(value)


def name_of(value: object) -> str | None:
    """Return what an object goes by: the full name of a function or class, of the class of anything else.

    >>> name_of(print), name_of(partial(name_of, 1)), name_of(object())
    ('builtins.print', 'isolane.process_state.slots.name_of', 'builtins.object object')
    """
    if value is None:
        return None
    if isinstance(value, partial):
        return name_of(value.func)
    try:
        qualified = value.__qualname__  # type: ignore[attr-defined]
        return f"{value.__module__}.{qualified}" if value.__module__ else str(qualified)
    except Exception:  # noqa: BLE001  # it has none, or answers questions about attributes in its own way
        return f"{module_of(type(value))}.{qualified_name(type(value))} object"


def package_of(value: object) -> str:
    """Return the top-level package that an object's code, or its class, comes from."""
    return (name_of(value) or "").partition(".")[0]
