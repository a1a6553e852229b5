"""Any order of leasing and giving back, by several owners: no port twice, none lost, against a set."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isolane.resources.ports import LeaseError, PortLeases

COUNT = 3


@pytest.fixture(scope="module")
def chosen() -> Iterator[list[int]]:
    leases = PortLeases()
    yield [leases.lease() for _ in range(COUNT)]
    leases.release_all()


steps = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["lease", "lease", "release", "release all"])), max_size=20
)


@given(steps=steps)
def test_leases_are_a_set_of_ports_each_with_one_owner(chosen: list[int], steps: list[tuple[int, str]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        owners = [PortLeases(Path(name), chosen) for _ in range(3)]
        model: dict[int, int] = {}
        for owner, step in steps:
            own = [port for port, who in model.items() if who == owner]
            if step == "lease":
                try:
                    port = owners[owner].lease()
                except LeaseError:
                    assert len(model) == COUNT
                else:
                    assert port not in model
                    model[port] = owner
            elif step == "release" and own:
                owners[owner].release(own[0])
                del model[own[0]]
            elif step == "release all":
                owners[owner].release_all()
                model = {port: who for port, who in model.items() if who != owner}
            assert {port: who for who, leases in enumerate(owners) for port in leases.held} == model
            assert {path.stem for path in Path(name).iterdir()} == set(map(str, model))
        for leases in owners:
            leases.release_all()
