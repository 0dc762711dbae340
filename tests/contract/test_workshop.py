"""What the files around the code promise: image, compose file, make targets, locks, papers."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml  # type: ignore[import-untyped]  # comes with uvicorn[standard], without types

from app.config import ROOT, Settings
from app.version import VERSION

ONE_SHOT = {"seed"}
DECISION_SECTIONS = ["Context", "Decision", "Cost", "Not taken"]
MAX_DECISION_LINES = 40

# Put together from parts, so that this file does not hold what it looks for.
MACHINE_PATHS = [f"/{name}/" for name in ("work", "root", "home", "Users")]
ADDRESSES = ["pypi" + ".org", "python" + "hosted", "file" + ":///", "/opt/" + "pypi"]
FORBIDDEN = re.compile(
    "|".join(
        [
            *(rf"(?<![\w.}}*-]){re.escape(path)}" for path in MACHINE_PATHS),
            *(re.escape(address) for address in ADDRESSES),
            r"index-url[ =]\S*://",
        ],
    ),
)


class Instruction(NamedTuple):
    name: str
    words: str


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def instructions() -> list[Instruction]:
    lines = [line for line in read("Dockerfile").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [
        Instruction(name, words.strip())
        for name, _, words in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, from its FROM on."""
    found: list[list[Instruction]] = []
    for instruction in instructions():
        if instruction.name == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return found


def words_of(stage: Sequence[Instruction], name: str) -> list[str]:
    return [instruction.words for instruction in stage if instruction.name == name]


def is_pinned(image: str) -> bool:
    """A tag with at least two numbers, as ``python:3.13.9-slim``, or a digest."""
    return "@sha256:" in image or re.search(r":v?\d+\.\d+", image) is not None


def default_of(text: str) -> str:
    """``${NAME:-default}`` -> ``default``."""
    match = re.fullmatch(r"\$\{\w+:-(.+)\}", text)
    return match[1] if match else text


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(read("compose.yaml"))
    return document


def services() -> list[Any]:
    return [pytest.param(name, body, id=name) for name, body in compose()["services"].items()]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", read("Makefile"), re.MULTILINE))


def pins(name: str) -> dict[str, str]:
    """Package -> version, of a requirements file."""
    found = re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", read(name), re.MULTILINE)
    return dict(found)


def decisions() -> list[Path]:
    return sorted((ROOT / "docs" / "decisions").glob("*.md"))


# The image


def test_every_base_image_is_pinned_by_an_argument() -> None:
    defaults = {
        name: default
        for name, _, default in (
            i.words.partition("=") for i in instructions() if i.name == "ARG" and "IMAGE" in i.words
        )
    }

    bases = [re.split(r"\s+AS\s+", words)[0] for words in words_of(instructions(), "FROM")]

    assert len(bases) == 2
    for base in bases:
        assert is_pinned(defaults[base.strip("${}")])


def test_the_image_installs_only_wheels_whose_hashes_are_known() -> None:
    [install] = [
        run for run in words_of(instructions(), "RUN") if " install " in run and " -r " in run
    ]

    assert "--require-hashes -r requirements.txt" in install
    assert "--only-binary :all:" in install


def test_the_final_stage_installs_nothing_and_has_no_pip() -> None:
    runs = " ".join(words_of(stages()[-1], "RUN"))

    assert "pip uninstall" in runs
    assert not re.search(r"pip install|apt-get|apk |curl|wget", runs)


def test_the_image_runs_as_a_fixed_user_who_is_not_root() -> None:
    [user] = words_of(stages()[-1], "USER")

    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert f"--uid {user.partition(':')[0]} " in " ".join(words_of(stages()[-1], "RUN"))


def test_the_image_writes_nowhere_but_to_its_data_volume() -> None:
    environment = " ".join(words_of(stages()[-1], "ENV"))

    assert words_of(stages()[-1], "VOLUME") == ['["/data"]']
    assert "CLAIMBASE_DATABASE_URL=sqlite:////data/" in environment
    assert "PYTHONDONTWRITEBYTECODE=1" in environment


def test_the_image_starts_and_is_probed_without_a_shell() -> None:
    [health] = words_of(stages()[-1], "HEALTHCHECK")
    [entrypoint] = words_of(stages()[-1], "ENTRYPOINT")
    [command] = words_of(stages()[-1], "CMD")

    assert [*json.loads(entrypoint), *json.loads(command)] == ["python", "-m", "app", "serve"]
    probe = json.loads(health.partition("CMD ")[2])
    assert probe[0] == "python"
    assert "/health/ready" in probe[-1]


def test_the_image_listens_where_it_says() -> None:
    environment = " ".join(words_of(stages()[-1], "ENV"))
    [port] = words_of(stages()[-1], "EXPOSE")

    assert f"CLAIMBASE_PORT={port}" in environment
    assert "CLAIMBASE_HOST=0.0.0.0" in environment


def test_the_image_says_which_release_it_is() -> None:
    assert f"VERSION={VERSION}" in words_of(stages()[-1], "ARG")
    assert 'org.opencontainers.image.version="${VERSION}"' in " ".join(
        words_of(stages()[-1], "LABEL"),
    )


def test_the_package_says_which_release_it_is() -> None:
    assert tomllib.loads(read("pyproject.toml"))["project"]["version"] == VERSION


def test_the_build_is_given_what_it_copies_and_nothing_else() -> None:
    ignored, *let_through = [
        line for line in read(".dockerignore").splitlines() if line and not line.startswith("#")
    ]
    given = {line[1:].rstrip("/") for line in let_through if line.startswith("!")}

    copied = {
        words.split()[0].rstrip("/")
        for words in words_of(instructions(), "COPY")
        if not words.startswith("--from")
    }

    assert ignored == "*"
    assert copied == {name.partition("/")[0] for name in given}
    assert all((ROOT / name).exists() for name in given)


# The compose file


@pytest.mark.parametrize(("name", "service"), services())
def test_a_service_can_do_no_more_than_it_must(name: str, service: Mapping[str, Any]) -> None:
    assert service["read_only"] is True, name
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert "cap_add" not in service


@pytest.mark.parametrize(("name", "service"), services())
def test_a_service_is_pinned_and_not_root(name: str, service: Mapping[str, Any]) -> None:
    if "build" in service:  # the Dockerfile says as whom it runs
        assert service["image"] == f"claimbase:{VERSION}", name
    else:
        assert is_pinned(default_of(service["image"])), name
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), name


@pytest.mark.parametrize(("name", "service"), services())
def test_a_service_tells_whether_it_is_well(name: str, service: Mapping[str, Any]) -> None:
    if name in ONE_SHOT:
        assert service["restart"] == "no"
    else:
        assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize(("name", "service"), services())
def test_a_service_is_open_to_its_own_machine_only(name: str, service: Mapping[str, Any]) -> None:
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


@pytest.mark.parametrize(("name", "service"), services())
def test_a_service_belongs_to_a_profile(name: str, service: Mapping[str, Any]) -> None:
    assert set(service["profiles"]) <= {"postgresql", "sqlite"}, name


def test_no_password_stands_in_the_compose_file() -> None:
    secrets = [
        value
        for service in compose()["services"].values()
        for name, value in service.get("environment", {}).items()
        if "PASSWORD" in name
    ]

    assert secrets
    assert all(re.fullmatch(r"\$\{\w+:\?[^}]+\}", secret) for secret in secrets)


def test_the_base_is_seeded_once_before_it_is_served() -> None:
    found = compose()["services"]

    assert found["seed"]["command"] == ["seed"]
    assert found["seed"]["depends_on"]["database"] == {"condition": "service_healthy"}
    waits_for = found["claimbase"]["depends_on"]
    assert waits_for["seed"] == {"condition": "service_completed_successfully"}


def test_what_has_to_last_is_in_a_declared_volume() -> None:
    mounted = {
        volume.partition(":")[0]
        for service in compose()["services"].values()
        for volume in service.get("volumes", [])
    }

    assert mounted == set(compose()["volumes"])


# make and CI


def test_every_target_that_is_named_phony_is_there() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", read("Makefile"), re.MULTILINE)

    assert phony
    assert set(phony[1].split()) == make_targets()


def test_make_help_lists_every_target() -> None:
    explained = set(re.findall(r"^([a-z-]+):.*## \S", read("Makefile"), re.MULTILINE))

    assert explained == make_targets()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/operations.md"])
def test_every_make_target_that_a_paper_names_exists(name: str) -> None:
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"{name} is not written yet")

    # In code only: prose may say that the tests make sure of something.
    code = re.findall(r"```.*?```|`[^`\n]+`", path.read_text(encoding="utf-8"), re.DOTALL)
    named = {
        target
        for piece in code
        for target in re.findall(r"(?:^|[`\n$&|;]) *make ([a-z][a-z-]*)", piece)
    }

    assert named
    assert named <= make_targets()


def test_ci_stops_at_the_first_failure_and_asks_nothing() -> None:
    lines = read(".ci/run").splitlines()

    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "set -euo pipefail" in lines
    assert "exec </dev/null" in lines


def test_ci_runs_only_targets_that_exist() -> None:
    called = re.findall(r"^\s*make ([a-z -]+)", read(".ci/run"), re.MULTILINE)

    named = {target for targets in called for target in targets.split()}

    assert {"test", "lint", "types", "layers", "test-postgresql", "verify", "run"} <= named
    assert named <= make_targets()


# Locks


LOCKS = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-bench.txt",
    "requirements-audit.txt",
)


@pytest.mark.parametrize("name", LOCKS)
def test_every_pinned_package_has_hashes(name: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", read(name).strip())

    unhashed = [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block]

    assert len(blocks) == len(re.findall(r"^\S+==", read(name), re.MULTILINE))
    assert unhashed == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_does_not_say_where_packages_came_from(name: str) -> None:
    assert re.findall(r"https?:|@ |^-", read(name), re.MULTILINE) == []


def test_tests_run_with_the_packages_that_are_served() -> None:
    runtime, development = pins("requirements.txt"), pins("requirements-dev.txt")

    assert runtime.items() <= development.items()


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    named = {
        "requirements.txt": project["project"]["dependencies"],
        "requirements-dev.txt": project["dependency-groups"]["dev"],
        "requirements-bench.txt": project["dependency-groups"]["bench"],
        "requirements-audit.txt": project["dependency-groups"]["audit"],
    }

    for name, wanted in named.items():
        packages = {re.split(r"[\[<>=;! ]", text)[0].lower() for text in wanted}
        assert packages <= pins(name).keys(), name


# Papers


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in decisions()])
def test_a_decision_is_short_and_says_what_it_costs(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()

    assert len(lines) <= MAX_DECISION_LINES
    assert re.match(rf"# {path.name[:4]}: \S", lines[0])
    assert [line[3:] for line in lines if line.startswith("## ")] == DECISION_SECTIONS


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in decisions()]

    assert numbers == list(range(1, len(numbers) + 1))


def test_the_settings_are_those_that_operations_explains() -> None:
    rows = re.findall(
        r"^\| `(CLAIMBASE_\w+)` \| ([^|]+?) \|", read("docs/operations.md"), re.MULTILINE
    )

    explained = {name: default.strip("`") for name, default in rows}

    assert explained == {
        f"CLAIMBASE_{name.upper()}": _shown_default(field.default)
        for name, field in Settings.model_fields.items()
    }


def _shown_default(value: object) -> str:
    return "none" if value is None else str(value).replace(f"{ROOT}/", "")


def test_the_changelog_has_this_release_and_what_is_to_come() -> None:
    titles = re.findall(r"^## \[?([^\]\s]+)", read("CHANGELOG.md"), re.MULTILINE)

    assert titles[0] == "Unreleased"
    assert VERSION in titles


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = {
        name: match[0]
        for name in _files_for_git()
        if (match := FORBIDDEN.search(_text_of(ROOT / name)))
    }

    assert found == {}


def _files_for_git() -> list[str]:
    """What git has or would take."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    if answer.returncode:
        pytest.skip("not a git work tree")
    return [name for name in answer.stdout.split("\0") if name and (ROOT / name).is_file()]


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
