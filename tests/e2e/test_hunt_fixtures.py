"""What fixtures of wider scope hand on from test to test is named, by the real command."""

from __future__ import annotations

SHARING = {
    "test_shared.py": """
        import pytest

        class Basket:
            def __init__(self, path=None):
                self.fares, self.path = [], path

        @pytest.fixture(scope="module")
        def basket(): return Basket()

        @pytest.fixture(scope="module")
        def folder(tmp_path_factory): return tmp_path_factory.mktemp("shared")

        def test_fills_it(basket): basket.fares.append("bus")
        def test_needs_a_fare(basket): assert basket.fares

        class TestSetUp:
            @classmethod
            def setup_class(cls): cls.basket = Basket()
            def test_takes_one(self): self.basket.fares.append("tram")
            def test_has_one(self): assert self.basket.fares

        def test_writes(folder): (folder / "fares.txt").write_text("bus")
        def test_reads(folder): assert (folder / "fares.txt").exists()
    """,
}


def test_state_in_shared_fixtures_is_put_back_and_named_with_its_line(project):
    ended = project.write(SHARING).isolane("hunt", "--json", "--no-check")
    assert ended.code == 1, ended.text
    found = {one["test"].rpartition("::")[2]: one for one in ended.data["findings"]}
    assert {test: (one["sort"], len(one["needed"]), one["tried"]) for test, one in found.items()} == {
        "test_needs_a_fare": ("brittle", 1, True),
        "test_has_one": ("brittle", 1, True),
        "test_reads": ("brittle", 1, True),
    }
    carriers = {
        test: [(carrier["kind"], carrier["name"]) for carrier in one["carriers"]] for test, one in found.items()
    }
    assert carriers["test_needs_a_fare"] == [("fixtures", "test_shared.basket.fares")]
    assert found["test_needs_a_fare"]["carriers"][0]["line"]["source"].endswith('basket.fares.append("bus")')
    assert carriers["test_has_one"] == [("class_attributes", "test_shared.TestSetUp.basket.fares")]
    assert {kind for kind, _ in carriers["test_reads"]} <= {"files", "set_up"}
