"""The context of decimal arithmetic: precision, rounding, limits, and which conditions are errors.

Which conditions have been met (its flags) is no state: every calculation adds to that.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from isolane.model.state import Change, Plain
from isolane.process_state.glance import Signs

_ATTRIBUTES = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")

Values = tuple[Any, ...]
"""The attributes, in their order, and whether each signal is an error, in decimal's own order."""


class DecimalSnapshot(NamedTuple):
    """The context in force, its values, and those of the template that new threads get theirs from."""

    context: Any
    values: Values
    template: Values


class DecimalContextKind:
    """``decimal.getcontext()`` and ``decimal.DefaultContext``, by value; ``None`` where decimal is not imported."""

    name = "decimal"

    def snapshot(self) -> DecimalSnapshot | None:
        """Copy the values."""
        module: Any = sys.modules.get("decimal")
        try:
            context = module.getcontext()
            return DecimalSnapshot(context, _values(context), _values(module.DefaultContext))
        except AttributeError:  # not imported, or being imported just now
            return None

    def signs(self) -> Signs:
        """Return which context is in force, and the values of both; no more than whether decimal is there, if not."""
        module: Any = sys.modules.get("decimal")
        if not hasattr(module, "DefaultContext"):
            return Signs(values=(lambda: hasattr(sys.modules.get("decimal"), "DefaultContext"),))
        template = module.DefaultContext
        return Signs(
            values=(lambda: (_values(module.getcontext()), _values(template)),),
            objects=(lambda: (sys.modules["decimal"], module.getcontext(), module.DefaultContext),),
        )

    def diff(self, before: DecimalSnapshot | None, after: DecimalSnapshot | None) -> list[Change]:
        """Return a change a value. A context that came with the import is compared with the template."""
        if after is None:
            return []
        if before is None:
            before = after._replace(values=after.template)
        if before[1:] == after[1:]:
            return []
        return [
            Change(self.name, f"{where}.{name}", old[name], new[name])
            for where, old, new in (
                ("getcontext()", _tell(before.values), _tell(after.values)),
                ("DefaultContext", _tell(before.template), _tell(after.template)),
            )
            for name in old
            if old[name] != new[name]
        ]

    def rebase(
        self, pending: DecimalSnapshot | None, before: DecimalSnapshot | None, after: DecimalSnapshot | None
    ) -> DecimalSnapshot | None:
        """Take over each value that changed."""
        if before is None or after is None or pending is None:
            return after or pending
        return DecimalSnapshot(
            pending.context if before.context is after.context else after.context,
            _rebase_values(pending.values, before.values, after.values),
            _rebase_values(pending.template, before.template, after.template),
        )

    def restore(self, before: DecimalSnapshot | None) -> None:
        """Put the very context back in force, with the values it had."""
        now = self.snapshot()
        if now is None:
            return
        import decimal

        if before is None:
            before = now._replace(values=now.template)
        if now.context is not before.context:
            decimal.setcontext(before.context)
        _put(before.context, before.values)
        _put(decimal.DefaultContext, before.template)


def _values(context: Any) -> Values:
    return (
        context.prec,
        context.rounding,
        context.Emin,
        context.Emax,
        context.capitals,
        context.clamp,
        *context.traps.values(),
    )


def _rebase_values(pending: Values, before: Values, after: Values) -> Values:
    return tuple(kept if old == new else new for kept, old, new in zip(pending, before, after, strict=True))


def _put(context: Any, values: Values) -> None:
    if _values(context) == values:
        return
    for name, value in zip(_ATTRIBUTES, values[: len(_ATTRIBUTES)], strict=True):
        setattr(context, name, value)
    for signal, is_error in zip(list(context.traps), values[len(_ATTRIBUTES) :], strict=True):
        context.traps[signal] = is_error


def _tell(values: Values) -> dict[str, Plain]:
    import decimal

    told: dict[str, Plain] = dict(zip(_ATTRIBUTES, values[: len(_ATTRIBUTES)], strict=True))
    traps = zip(decimal.DefaultContext.traps, values[len(_ATTRIBUTES) :], strict=True)
    told["traps"] = tuple(signal.__name__ for signal, is_error in traps if is_error)
    return told
