"""A git repository a test: a copy of the template, removed with its worktrees, deaf to the user's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from throwaway_project import Project

from isolane.model.errors import UsageError
from isolane.resources.git import GitRepository, make_base, repository

pytestmark = pytest.mark.server


@pytest.fixture
def made(tmp_path: Path) -> GitRepository:
    template = tmp_path / "files"
    (template / "docs").mkdir(parents=True)
    (template / "docs" / "page.md").write_text("first\n", encoding="utf-8")
    base = make_base(tmp_path, template)
    with repository(tmp_path / "one", base) as one:
        yield one
    assert not one.path.exists()
    assert (base / "docs" / "page.md").read_text(encoding="utf-8") == "first\n"


def test_files_become_the_first_commit(made: GitRepository) -> None:
    assert made.git("log", "--format=%s %an") == "First isolane"
    assert made.git("ls-files") == "docs/page.md"
    assert made.git("status", "--porcelain") == ""
    assert made.git("branch", "--show-current") == "main"


def test_commits_return_their_hash(made: GitRepository) -> None:
    commit = made.commit({"docs/page.md": "second\n", "new.txt": "new"}, "Second")
    assert made.git("rev-parse", "HEAD") == commit
    assert made.git("show", "--name-only", "--format=", commit).split() == ["docs/page.md", "new.txt"]


def test_worktrees_are_made_on_new_and_old_branches_and_go_with_the_repository(made: GitRepository) -> None:
    first = made.worktree("topic/one")
    made.commit({"docs/page.md": "of the topic\n"}, "Topic", cwd=first)
    assert (made.path / "docs" / "page.md").read_text(encoding="utf-8") == "first\n"
    assert made.worktrees() == [made.path, first]
    made.git("worktree", "lock", str(first))
    made.remove_worktree(first)
    assert made.worktrees() == [made.path]
    again = made.worktree("topic/one")
    assert (again / "docs" / "page.md").read_text(encoding="utf-8") == "of the topic\n"
    assert again.parent.parent == made.path.parent


def test_a_repository_is_a_template_without_its_worktrees_and_hooks(made: GitRepository, tmp_path: Path) -> None:
    made.commit({"more.txt": "more"}, "Second")
    made.worktree("topic")
    hook = made.path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    with pytest.raises(UsageError, match=r"git commit .* exits with 1"):
        made.commit({"x": "x"})
    made.git("reset", "--hard", "--quiet")

    with repository(tmp_path / "two", make_base(tmp_path / "from", made.path)) as two:
        assert two.worktrees() == [two.path]
        assert two.git("log", "--format=%s").split() == ["Second", "First"]
        two.commit({"x": "x"}, "Third")
    assert made.git("log", "--format=%s").split() == ["Second", "First"]


def test_the_users_repository_and_configuration_are_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    monkeypatch.setenv("GIT_DIR", str(theirs / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(theirs / "index"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text(
        "[commit]\n\tgpgSign = true\n[core]\n\thooksPath = /nowhere\n", encoding="utf-8"
    )
    with repository(tmp_path, make_base(tmp_path)) as made:
        made.commit({"a": "a"})
        assert made.git("log", "--format=%an <%ae>").splitlines() == ["isolane <isolane@localhost>"] * 2
    assert list(theirs.iterdir()) == []


def test_a_wrong_template_is_one_clear_line(made: GitRepository, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it is not a folder"):
        make_base(tmp_path / "a", tmp_path / "nothing")
    with pytest.raises(UsageError, match="it is a worktree of another one"):
        make_base(tmp_path / "b", made.worktree("topic"))


SUITE = {
    "conftest.py": """
        import pytest

        @pytest.fixture(scope="session")
        def isolane_git_template(tmp_path_factory):
            folder = tmp_path_factory.mktemp("template")
            (folder / "a.txt").write_text("a")
            return folder
        """,
    "test_git.py": """
        import pathlib, pytest

        @pytest.mark.parametrize("number", range(8))
        def test_it(isolane_git, request, number):
            assert isolane_git.git("rev-list", "--count", "HEAD") == "1"
            isolane_git.commit({"a.txt": str(number)})
            isolane_git.worktree("topic")
            pathlib.Path(request.config.rootpath, f"seen-{number}").write_text(str(isolane_git.path))
            assert number != 3
        """,
}


@pytest.mark.parametrize("engine", ["serial", "xdist", "fork"])
def test_every_test_has_a_fresh_one_under_every_engine(project: Project, engine: str) -> None:
    project.write(SUITE)
    ended = project.pytest("-n", "2", "--isolane-engine", engine)
    assert "1 failed, 7 passed" in ended.out, ended.text
    seen = {path.read_text(encoding="utf-8") for path in project.path.glob("seen-*")}
    assert len(seen) == 8
    assert not any(Path(one).exists() for one in seen)


@pytest.mark.parametrize(("arguments", "outcome"), [((), "2 skipped"), (("--isolane-require-services",), "2 errors")])
def test_without_git_tests_are_skipped_or_fail_in_one_line(
    project: Project, tmp_path: Path, arguments: tuple[str, ...], outcome: str
) -> None:
    project.write({"test_git.py": "def test_a(isolane_git): pass\ndef test_b(isolane_git): pass\n"})
    empty = tmp_path / "empty"
    empty.mkdir()
    ended = project.pytest("-rsE", *arguments, PATH=str(empty))
    assert outcome in ended.out, ended.text
    assert "git is not on the PATH. Install it: apt-get install git. [no-git]" in ended.out
    assert "Traceback" not in ended.text
