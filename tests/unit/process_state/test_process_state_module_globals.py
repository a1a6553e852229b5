"""Whatever is done to a module's globals is found, told by its name, and put back; and nobody's code runs for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.module_globals import ModuleGlobalsKind
from isolane.process_state.project_modules import ProjectModules

Load = Callable[..., ModuleType]

SOURCE = """
    import functools
    import json
    from collections import OrderedDict, defaultdict, deque
    from types import SimpleNamespace

    LIMIT = 3
    NAMES = ["a", "b"]
    TABLE = {"a": 1, "deep": {"list": [1, {"x": {2}}]}, 7: "seven"}
    ORDERED = OrderedDict(a=1, b=2)
    COUNTS = defaultdict(int)
    SEEN = {1, 2}
    QUEUE = deque([1, 2])
    RAW = bytearray(b"abc")
    PAIR = (1, ["inner"])
    SPACE = SimpleNamespace(x=1)
    _client = None

    def handler():
        return 1

    class Settings:
        key = "value"

        def __init__(self):
            self.debug = False
            self.paths = ["p"]
            self.me = self

        @functools.cached_property
        def lazy(self):
            return 5

    class Slotted:
        __slots__ = ("here", "missing")

        def __init__(self):
            self.here = 1

    class Table(dict):
        pass

    settings = Settings()
    slotted = Slotted()
    table = Table(a=1)
    table.extra = 1
    HANDLERS = {"on": handler}
"""


@pytest.fixture
def kind(tmp_path: Path) -> ModuleGlobalsKind:
    return ModuleGlobalsKind(ProjectModules([tmp_path]))


@pytest.fixture
def app(load: Load) -> Any:
    return load(SOURCE)


SUSPECT, DANGEROUS, HARMLESS = Level.SUSPECT, Level.DANGEROUS, Level.HARMLESS
CASES: list[tuple[str, str, object, object, Level]] = [
    ("app.LIMIT = 4", "LIMIT", 3, 4, SUSPECT),
    ("app._client = object()", "_client", None, "object object", SUSPECT),
    ("app.new = 'x'", "new", None, "x", SUSPECT),
    ("del app.LIMIT", "LIMIT", 3, None, DANGEROUS),
    ("app.handler = lambda: 2", "handler", "function handler", "function <lambda>", DANGEROUS),
    ("app.Settings = app.Slotted", "Settings", "class Settings", "class Slotted", DANGEROUS),
    ("app.json = None", "json", "module object", None, DANGEROUS),
    ("app.NAMES[1] = 'c'", "NAMES[1]", "b", "c", SUSPECT),
    ("app.NAMES.append('c')", "NAMES", "2 items", "3 items: + 'c'", SUSPECT),
    ("app.NAMES = list(app.NAMES)", "NAMES", "list of 2", "another list of 2", SUSPECT),
    ("app.TABLE['a'] = 2", "TABLE['a']", 1, 2, SUSPECT),
    ("app.TABLE['b'] = 2", "TABLE['b']", None, 2, SUSPECT),
    ("del app.TABLE[7]", "TABLE[7]", "seven", None, SUSPECT),
    ("app.TABLE['a'] = app.TABLE.pop('a')", "TABLE", "its keys in one order", "in another", SUSPECT),
    ("app.TABLE['deep']['list'][1]['x'].add(3)", "TABLE['deep']['list'][1]['x']", "1 items", "2 items: + 3", SUSPECT),
    ("app.ORDERED['c'] = 3", "ORDERED['c']", None, 3, SUSPECT),
    ("app.COUNTS['k'] += 1", "COUNTS['k']", None, 1, SUSPECT),
    ("app.SEEN.discard(1)", "SEEN", "2 items", "1 items: − 1", SUSPECT),
    ("app.QUEUE.rotate(1)", "QUEUE[0]", 1, 2, SUSPECT),
    ("app.RAW[0] = 120", "RAW", "b'abc'", "b'xbc'", SUSPECT),
    ("app.PAIR[1].clear()", "PAIR[1]", "1 items", "0 items: − 'inner'", SUSPECT),
    ("app.SPACE.x = 2", "SPACE.x", 1, 2, SUSPECT),
    ("app.settings.debug = True", "settings.debug", False, True, SUSPECT),
    ("app.settings.extra = 1", "settings.extra", None, 1, SUSPECT),
    ("del app.settings.debug", "settings.debug", False, None, SUSPECT),
    ("app.settings.paths.append('q')", "settings.paths", "1 items", "2 items: + 'q'", SUSPECT),
    ("app.settings.lazy", "settings.lazy", None, 5, HARMLESS),
    ("app.settings.__dict__ = {}", "settings.__dict__", "dict of 3", "dict of 0", SUSPECT),
    ("app.slotted.here = 2", "slotted.here", 1, 2, SUSPECT),
    ("app.slotted.missing = 2", "slotted.missing", None, 2, SUSPECT),
    ("app.table['b'] = 2", "table['b']", None, 2, SUSPECT),
    ("app.table.extra = 2", "table.extra", 1, 2, SUSPECT),
    ("app.HANDLERS['on'] = len", "HANDLERS['on']", "function handler", "builtin_function_or_method object", DANGEROUS),
]


@pytest.mark.parametrize(("statement", "name", "was", "now", "level"), CASES, ids=[case[0] for case in CASES])
def test_a_change_is_told_by_name_and_undone(
    kind: ModuleGlobalsKind, app: Any, statement: str, name: str, was: Any, now: Any, level: Level
) -> None:
    before = kind.snapshot()
    assert kind.snapshot() is before

    exec(statement, {"app": app})
    after = kind.snapshot()

    expected = Change("module_globals", f"isolane_app.{name}", was, now, level)
    assert kind.diff(before, after)[0] == expected
    assert kind.snapshot() is after
    kind.restore(before)
    left = kind.diff(before, kind.snapshot())
    assert left == ([expected] if level is HARMLESS else [])


def test_two_changes_of_one_rotation_are_two_lines(kind: ModuleGlobalsKind, app: Any) -> None:
    before = kind.snapshot()
    app.QUEUE.rotate(1)
    changes = kind.diff(before, kind.snapshot())
    assert [change.name for change in changes] == ["isolane_app.QUEUE[0]", "isolane_app.QUEUE[1]"]


def test_the_same_objects_are_back_in_the_same_order(kind: ModuleGlobalsKind, app: Any) -> None:
    deep, inner, names, ordered = app.TABLE["deep"], app.TABLE["deep"]["list"], app.NAMES, app.ORDERED
    before = kind.snapshot()
    app.NAMES, app.TABLE["deep"] = [], {}
    deep.clear()
    inner.append(3)
    ordered.move_to_end("a")
    del ordered["b"]

    kind.restore(before)

    assert app.NAMES is names
    assert app.TABLE["deep"] is deep
    assert deep == {"list": inner}
    assert inner == [1, {"x": {2}}]
    assert list(app.TABLE) == ["a", "deep", 7]
    assert list(app.ORDERED.items()) == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("statement", "level"),
    [
        ("app.HELD.list = app.HELD.list[:]", Level.HARMLESS),
        ("app.HELD.names = dict(app.HELD.names)", Level.HARMLESS),
        ("app.HELD.list = app.HELD.list[::-1]", Level.SUSPECT),
        ("app.HELD.list = tuple(app.HELD.list)", Level.SUSPECT),
        ("app.NAMES = app.NAMES[:]", Level.SUSPECT),  # another module may have imported it by its name
        ("app.HELD.names = {'a': object()}", Level.SUSPECT),
    ],
)
def test_another_container_of_the_very_same_objects_is_harmless(
    kind: ModuleGlobalsKind, load: Load, statement: str, level: Level
) -> None:
    app = load(
        "NAMES = [object()]\nclass Held: pass\nHELD = Held()\n"
        "HELD.list, HELD.names = [object(), object()], {'a': object(), 'b': object()}\n"
    )
    before = kind.snapshot()

    exec(statement, {"app": app})

    assert {change.level for change in kind.diff(before, kind.snapshot())} == {level}


def test_a_key_that_was_made_again_is_the_old_one_afterwards(kind: ModuleGlobalsKind, load: Load) -> None:
    app: Any = load("TABLE = {(1, 2): 'x', 'other': 1}")
    key, before = next(iter(app.TABLE)), kind.snapshot()
    del app.TABLE[1, 2]
    app.TABLE[tuple(number for number in (1, 2))] = "y"
    kind.restore(before)
    assert list(app.TABLE.items()) == [((1, 2), "x"), ("other", 1)]
    assert next(iter(app.TABLE)) is key


def test_the_order_of_a_set_does_not_matter(kind: ModuleGlobalsKind, app: Any) -> None:
    app.SEEN.update("abcdefgh")
    before = kind.snapshot()
    items = list(app.SEEN)
    app.SEEN.clear()
    app.SEEN.update(items[::-1])
    assert kind.diff(before, kind.snapshot()) == []


def test_of_many_changes_of_one_thing_some_are_told(kind: ModuleGlobalsKind, load: Load) -> None:
    app: Any = load("from collections import deque\nLINE = deque(range(500))\nTABLE = {}")
    before = kind.snapshot()
    app.LINE.rotate(1)
    app.TABLE.update(enumerate(range(500)))
    changes = kind.diff(before, kind.snapshot())
    assert len(changes) == 42
    assert str(changes[20]) == "module_globals isolane_app.LINE: '500 items' → '500 items: 480 more changes'"
    assert str(changes[41]) == "module_globals isolane_app.TABLE: '0 items' → '500 items: 480 more changes'"


def test_no_code_of_the_program_is_run(kind: ModuleGlobalsKind, load: Load) -> None:
    app: Any = load(
        """
        calls = []

        class Meta(type):
            def __getattribute__(cls, name):
                calls.append(("Meta", name))
                return super().__getattribute__(name)
            def __eq__(cls, other):
                calls.append("Meta.__eq__")
                return True
            def __hash__(cls):
                calls.append("Meta.__hash__")
                return 1

        def noted(name):
            def method(self, *arguments):
                calls.append(name)
                raise RuntimeError(name)
            return method

        NAMES = ("__eq__ __hash__ __getattribute__ __getattr__ __repr__ __str__ __bool__ __len__ __iter__ __contains__ "
                 "__getitem__ __copy__ __reduce_ex__ keys items values copy __dir__ __sizeof__ __format__").split()
        METHODS = {name: noted(name) for name in NAMES} | {"__class__": property(noted("__class__"))}
        Plain = Meta("Plain", (), METHODS | {"__module__": __name__})
        Own = type("Own", (), METHODS | {"__dict__": property(noted("__dict__")), "__module__": __name__})
        Dict, List, Set, Tuple = (
            type(base.__name__.title(), (base,), METHODS | {"__module__": __name__})
            for base in (dict, list, set, tuple)
        )
        plain, own, table, items, bag, pair = Plain(), Own(), Dict(), List(), Set(), Tuple()
        class Key:
            def __eq__(self, other):
                calls.append("Key.__eq__")
                return self is other
            def __hash__(self):
                calls.append("Key.__hash__")
                return 1
        key = Key()
        keyed = {key: [plain]}
        calls.clear()
        """
    )
    before = kind.snapshot()
    dict.__setitem__(app.table, "x", app.plain)
    list.append(app.items, app.own)
    app.keyed["other"] = app.plain
    app.pair = app.own
    app.calls.clear()
    changes = kind.diff(before, kind.snapshot())
    assert app.calls == []
    assert [change.name.partition(".")[2] for change in changes] == ["pair", "table['x']", "items", "keyed['other']"]
    kind.restore(before)
    assert app.calls == []


def test_a_reference_is_compared_before_anything_is_asked(kind: ModuleGlobalsKind, load: Load) -> None:
    app: Any = load(
        "class Equal:\n    __hash__ = None\n    def __eq__(self, other):\n        return True\nX = [Equal()]\n"
    )
    before = kind.snapshot()
    app.X[0] = app.Equal()
    assert [str(change) for change in kind.diff(before, kind.snapshot())] == [
        "module_globals isolane_app.X[0]: 'Equal object' → 'another Equal object'"
    ]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("app.X = 10 ** 5000", "isolane_app.X: 1 → 'int of 16610 bits'"),
        ("app.X = range(10 ** 5000)", "isolane_app.X: 1 → 'range object'"),
        ("app.TABLE[10 ** 5000] = 1", "isolane_app.TABLE[int of 16610 bits]: None → 1"),
        ("app.TABLE['x' * 5000] = 1", f"isolane_app.TABLE['{'x' * 77}...']: None → 1"),
        ("app.TABLE[b'x'] = 1", "isolane_app.TABLE[b'x']: None → 1"),
        ("vars(app)[app.Odd()] = 1", "isolane_app[Odd object]: None → 1"),
        ("app.odd.__dict__[app.Odd()] = 1", "isolane_app.odd[Odd object]: None → 1"),
    ],
)
def test_what_cannot_be_written_is_told_all_the_same(
    kind: ModuleGlobalsKind, load: Load, statement: str, told: str
) -> None:
    app: Any = load("class Odd:\n    def __str__(self):\n        raise RuntimeError\nodd = Odd()\nX = 1\nTABLE = {}\n")
    before = kind.snapshot()
    exec(statement, {"app": app})
    assert [str(change) for change in kind.diff(before, kind.snapshot())] == [f"module_globals {told}"]


def test_equal_plain_values_are_no_change(kind: ModuleGlobalsKind, app: Any) -> None:
    app.TEXT, before = "".join(["a", "b"]), None
    before = kind.snapshot()
    app.TEXT = "".join(["a", "b"])
    app.NAMES[0] = "".join(["", "a"])
    app.LIMIT = int("3")
    assert kind.diff(before, kind.snapshot()) == []


def test_pytests_and_pythons_own_names_are_not_state(kind: ModuleGlobalsKind, app: Any) -> None:
    before = kind.snapshot()
    vars(app).update({"@py_assert1": 1, "__warningregistry__": {}, "_pytest_x": 2, "__cached__": None})
    assert kind.diff(before, kind.snapshot()) == []
    kind.restore(before)
    assert app.__warningregistry__ == {}


def test_a_submodule_that_was_imported_is_harmless_and_stays(kind: ModuleGlobalsKind, load: Load) -> None:
    package: Any = load("X = 1", "isolane_app_package.__init__") and sys.modules["isolane_app_package"]
    before = kind.snapshot()
    module = load("Y = 1", "isolane_app_package.part")
    (change,) = kind.diff(before, kind.snapshot())
    assert (change.name, change.level) == ("isolane_app_package.part", HARMLESS)
    kind.restore(before)
    assert package.part is module


def test_the_inside_of_a_librarys_object_is_told_but_not_what_it_keeps_for_itself(
    kind: ModuleGlobalsKind, load: Load
) -> None:
    app: Any = load("from argparse import Namespace\nbox = Namespace(overrides={}, ready=None, _cache=None)\n")
    before = kind.snapshot()
    app.box.overrides["x"] = 1
    app.box.ready, app.box._cache = object(), object()
    found = {change.name: change.level for change in kind.diff(before, kind.snapshot())}
    assert found == {
        "isolane_app.box.overrides['x']": SUSPECT,
        "isolane_app.box.ready": HARMLESS,
        "isolane_app.box._cache": HARMLESS,
    }


def test_what_a_path_notes_when_it_is_asked_is_harmless(kind: ModuleGlobalsKind, load: Load) -> None:
    """It has slots, not a dictionary; which of them are filled by what differs from Python to Python."""
    module = load("from pathlib import Path\nROOT = Path('b') / 'c'\nOTHER = Path('a')")
    before = kind.snapshot()
    assert sorted([module.ROOT, module.OTHER])[0] is module.OTHER
    assert {module.ROOT: str(module.ROOT)}[Path("b/c")] == module.ROOT.as_posix()
    assert module.ROOT.suffixes == []

    assert {change.level for change in kind.diff(before, kind.snapshot())} <= {Level.HARMLESS}


def test_what_a_fixture_did_in_between_stays(kind: ModuleGlobalsKind, app: Any) -> None:
    initial = kind.snapshot()
    app.NAMES.append("by test")
    app.LIMIT = 5
    before = kind.snapshot()
    app.NAMES.append("by fixture")
    app.TABLE["fixture"] = kept = {"k": 1}
    app.settings.debug = True
    pending = kind.rebase(initial, before, kind.snapshot())
    kept["k"] = 2
    app.NAMES.clear()

    kind.restore(pending)

    assert app.LIMIT == 3
    assert app.NAMES == ["a", "b", "by fixture"]
    assert app.TABLE["fixture"] is kept
    assert kept == {"k": 1}
    assert app.settings.debug is True


def test_what_cannot_be_put_back_is_named_and_the_rest_is_put_back(kind: ModuleGlobalsKind, load: Load) -> None:
    app: Any = load(
        """
        class Key:
            broken = False
            def __hash__(self):
                if Key.broken:
                    raise ValueError("no hash")
                return 1
        BAG = {Key()}
        LAST = 1
        """
    )
    before = kind.snapshot()
    app.BAG.clear()
    app.LAST = 2
    app.Key.broken = True
    with pytest.raises(RestoreError, match=r"isolane_app\.BAG cannot be put back .*ValueError: no hash"):
        kind.restore(before)
    assert app.LAST == 1
