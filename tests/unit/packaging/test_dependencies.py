"""What is imported is declared, what is declared is imported, and what is slow is imported late."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
SLOW = {
    "dvc",
    "exchange_calendars",
    "great_expectations",
    "numba",
    "pandas",
    "pandera",
    "plotly",
    "prefect",
    "scipy",
    "skops",
    "sklearn",
    "statsmodels",
    "xgboost",
}

EXTRAS = {"mlflow": "mlflow-skinny"}
"""What the modules of extras come from, which the lock leaves out."""


def imported(folder: str) -> set[str]:
    """Return the top-level names that a folder's modules import, wherever in the file."""
    names: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names)


def distributions(names: set[str]) -> set[str]:
    owners = packages_distributions()
    return {canonicalize_name(owner) for name in names for owner in owners.get(name, [EXTRAS.get(name, name)])}


def declared(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def test_tsis_imports_only_what_it_declares() -> None:
    assert distributions(imported("tsis") - {"tsis"}) <= declared("mlflow", "quality", "search")


def test_tests_import_only_what_is_declared() -> None:
    own = {path.stem for path in (ROOT / "tests").rglob("*.py")}
    own |= {"tsis", "flows", "tests", "benchmarks", "data", "conftest"}
    assert distributions(imported("tests") - own) <= declared("dev", "mlflow", "orchestration", "quality", "search")


def test_flows_import_only_what_is_declared() -> None:
    assert distributions(imported("flows") - {"tsis", "flows"}) <= declared("orchestration")


def test_every_declared_dependency_is_imported() -> None:
    assert declared() <= distributions(imported("tsis"))


def test_the_cli_imports_nothing_slow() -> None:
    code = "import sys, tsis.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "tsis" in loaded
    assert not SLOW & set(loaded)
