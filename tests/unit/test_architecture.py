"""What no single module can show: who may know whom, and that nothing of others is patched."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "cookietrack_plugin"
ROOT = Path(__file__).parents[2] / PACKAGE
# What others own, and nobody assigns to.
FOREIGN = {"crossbar", "autobahn", "twisted", "txaio"}
# The one store that passes Crossbar's own through, and only when it is opened.
PASSED_THROUGH = f"{PACKAGE}.stores.database"
PASSTHROUGH = f"{PASSED_THROUGH}.passthrough"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {module_name(path): ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}
MODULES = sorted(TREES)


def imports(nodes: Iterator[ast.AST]) -> set[str]:
    """The dotted names of the modules that are imported, and of what is imported from them."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "an import that is not absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def all_imports(module: str) -> set[str]:
    return imports(ast.walk(TREES[module]))


def import_time_imports(module: str) -> set[str]:
    """Those that run when the module is imported: not in functions, not for type checkers."""

    def nodes(body: list[ast.stmt]) -> Iterator[ast.AST]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                continue
            yield node
            yield from nodes(list(ast.iter_child_nodes(node)))  # type: ignore[arg-type]

    return imports(nodes(TREES[module].body))


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def in_package(*packages: str) -> list[str]:
    names = [f"{PACKAGE}.{package}" for package in packages]
    return [module for module in MODULES if any(is_in(module, name) for name in names)]


def offenders(modules: list[str], *forbidden: str) -> list[str]:
    return [
        f"{module} imports {name}"
        for module in modules
        for name in sorted(all_imports(module))
        if any(is_in(name, each) for each in forbidden)
    ]


def ours(*names: str) -> list[str]:
    return [f"{PACKAGE}.{name}" for name in names]


CONTRACT = ("interfaces", "record", "errors")
# What each room may import besides itself. The door's pure functions are `header`.
ROOMS: dict[str, tuple[str, ...]] = {
    "stores.kit": CONTRACT,
    "stores.child": CONTRACT,
    "stores": (*CONTRACT, "header.id_of"),
    "audit": (),
    "config": (*CONTRACT, "stores.kit"),
    "access": (*CONTRACT, "stores.kit"),
    "nodesocket": (*CONTRACT, "stores.kit"),
    "search": (*CONTRACT, "stores.kit", "config.proxies"),
    "tracking": (
        *CONTRACT,
        "stores.kit",
        "access",
        "audit",
        "config.lifespan",
        "config.policy",
        "search",
    ),
    "router": (
        *CONTRACT,
        "header",
        "stores.kit",
        "access",
        "audit",
        "config",
        "nodesocket",
        "search",
        "tracking",
    ),
    "admin": (
        *CONTRACT,
        "header.id_of",
        "stores.kit",
        "audit",
        "config",
        "nodesocket",
        "search",
    ),
    "testing": (*CONTRACT, "stores.kit"),
}
# What others may name of a room: its face, and the values that go in and out of it.
FACES: dict[str, set[str]] = {
    "access": {
        "deferreds.fan_out",
        "deferreds.gathered",
        "feed.FeedPage",
        "feed.FeedReader",
        "metrics.Histogram",
        "metrics.Metrics",
        "metrics.Outcome",
        "reactor.MonotonicReactor",
        "servertime.TimeSample",
        "servertime.sample_time",
        "store.AsyncStore",
        "thread.BatchingThread",
    },
    "tracking": {
        "admission.Admission",
        "admission.TooManyNewcomers",
        "admission.Visitor",
        "audit.Audit",
        "audit.LoginNotAudited",
        "clock.LocalClock",
        "clock.ServerClock",
        "connections.NO_LOGIN",
        "connections.TrackedConnection",
        "events.Event",
        "events.Kind",
        "limits.TooManySessions",
        "login.LoginRefused",
        "revocation.Ended",
        "revocation.LOGOUT",
        "termination.INTERNAL_ERROR",
        "tracker.Tracker",
        "trail.FileTrail",
        "trail.LogTrail",
        "trail.Trail",
        "visits.RecentVisit",
        "visits.Visit",
    },
}


def test_there_is_something_to_look_at():
    assert len(MODULES) > 50
    assert set(in_package("tracking.tracker", "stores.memory", "router.protocol")) <= set(MODULES)
    assert [room for room in ROOMS if len(in_package(room)) < 2] == []


def test_every_module_stands_in_a_room():
    homeless = [m for m in MODULES if m not in in_package(*ROOMS, *CONTRACT, "header")]
    assert homeless == [PACKAGE]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_stands_below_it_and_no_more(room):
    own = in_package(room)
    if room == "stores":
        own = [each for each in own if each not in in_package("stores.kit", "stores.child")]
        # Crossbar's own store, passed through, has to know the `cookie` item that it is given.
        own.remove(PASSTHROUGH)
    allowed = ours(room, *ROOMS[room])
    assert [
        f"{module} imports {name}"
        for module in own
        for name in sorted(all_imports(module))
        if is_in(name, PACKAGE) and not any(is_in(name, each) for each in allowed)
    ] == []


@pytest.mark.parametrize("room", FACES)
def test_a_room_is_entered_by_its_face_alone(room):
    prefix = f"{PACKAGE}.{room}."
    assert {
        f"{module} imports {name}"
        for module in MODULES
        if module not in in_package(room)
        for name in all_imports(module)
        if name.startswith(prefix) and name.removeprefix(prefix) not in FACES[room]
    } == set()


@pytest.mark.parametrize("room", FACES)
def test_every_value_of_a_face_is_used(room):
    prefix = f"{PACKAGE}.{room}."
    used = {
        name.removeprefix(prefix)
        for module in MODULES
        if module not in in_package(room)
        for name in all_imports(module)
        if name.startswith(prefix)
    }
    assert FACES[room] - used == set()


@pytest.mark.parametrize("module", in_package("access", "tracking"))
def test_nobody_reaches_into_another_object(module):
    """`tracker.endings.x`, `self._store._lookup`: what an object keeps to itself stays there."""
    strange = [
        ast.unparse(node)
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
        and not ast.unparse(node.value).startswith("super(")
    ]
    assert strange == []


def test_only_the_router_part_imports_crossbar():
    others = [m for m in MODULES if m not in in_package("router") and m != PASSTHROUGH]
    assert offenders(others, "crossbar", "autobahn") == []


def test_a_store_imports_nothing_of_twisted():
    stores = [module for module in in_package("stores") if module != PASSTHROUGH]
    assert offenders(stores, "twisted", "txaio", "zope.component") == []
    assert offenders([PASSTHROUGH], *ours("router", "tracking", "access"), "twisted") == []


def test_nothing_that_is_used_in_production_knows_the_test_kit():
    others = [module for module in MODULES if module not in in_package("testing")]
    assert offenders(others, *ours("testing"), "pytest", "hypothesis") == []


def test_the_store_that_passes_crossbars_own_through_knows_it_only_when_it_is_opened():
    assert any(is_in(name, "crossbar") for name in all_imports(PASSTHROUGH))
    forbidden = ["crossbar", "autobahn", "twisted", "txaio", PASSTHROUGH]
    early = import_time_imports(f"{PASSED_THROUGH}.provider")
    assert [name for name in early if any(is_in(name, each) for each in forbidden)] == []


def test_the_contract_imports_nothing_but_itself():
    contract = in_package(*CONTRACT)
    allowed = ours(*CONTRACT)
    assert [
        f"{module} imports {name}"
        for module in contract
        for name in all_imports(module)
        if is_in(name, PACKAGE) and not any(is_in(name, each) for each in allowed)
    ] == []


def test_no_two_modules_import_each_other():
    graph = {
        module: {
            other
            for name in import_time_imports(module)
            for other in (name, name.rpartition(".")[0])
            if other in TREES and other != module
        }
        for module in MODULES
    }

    def reaches(start: str, seen: set[str]) -> set[str]:
        for other in graph[start] - seen:
            seen.add(other)
            reaches(other, seen)
        return seen

    assert [module for module in MODULES if module in reaches(module, set())] == []


class Patches(ast.NodeVisitor):
    """Assignments to attributes of what a module has imported from somebody else."""

    def __init__(self, tree: ast.Module, owners: set[str]) -> None:
        self.found: list[str] = []
        self.foreign = {
            (alias.asname or alias.name).partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
            if (getattr(node, "module", None) or alias.name).partition(".")[0] in owners
        }
        self.visit(tree)

    def _check(self, target: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                self._check(each)
            return
        root = target
        while isinstance(root, ast.Attribute | ast.Subscript | ast.Starred):
            root = root.value
        if root is not target and isinstance(root, ast.Name) and root.id in self.foreign:
            self.found.append(f"line {target.lineno}: {ast.unparse(target)}")

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._check(target)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._check(node.target)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._check(node.target)
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._check(target)

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func)
        if name in ("setattr", "delattr", "object.__setattr__", "patch", "mock.patch"):
            self.found.append(f"line {node.lineno}: {name}")
        # `sys.modules[...]`, `vars(module).update(...)`, `Class.__dict__`: the same by other means.
        if name.endswith(("__dict__.update", "__setattr__")) or name.startswith("vars("):
            self.found.append(f"line {node.lineno}: {name}")
        self.generic_visit(node)


def patches(source: str) -> list[str]:
    return Patches(ast.parse(source), FOREIGN).found


@pytest.mark.parametrize("module", MODULES)
def test_nothing_of_crossbar_autobahn_or_twisted_is_patched(module):
    assert Patches(TREES[module], FOREIGN).found == []


@pytest.mark.parametrize(
    "source",
    [
        "import crossbar\ncrossbar.run = 1",
        "import crossbar.router.protocol\ncrossbar.router.protocol.X.y = 1",
        "from autobahn.twisted import websocket as w\nw.X.onOpen = 1",
        "from crossbar.router.protocol import P\nP.onConnect = f",
        "from crossbar.router.protocol import P\na, P.b = 1, 2",
        "from crossbar.node import main\nmain.TABLE['x'] = 1",
        "from twisted.internet import reactor\nreactor.x += 1",
        "from twisted.internet import reactor\nreactor.x: int = 1",
        "from twisted.internet import reactor\ndel reactor.x",
        "setattr(anything, 'x', 1)",
        "from crossbar import X\nX.__dict__.update(a=1)",
        "import crossbar\ndef f():\n    crossbar.x = 1",
    ],
)
def test_a_patch_would_be_found(source):
    assert patches(source) != []


def test_subclassing_and_own_attributes_are_no_patches():
    assert patches("from crossbar import P\nclass M(P):\n    x = 1\n    M_x: int = 2") == []
    assert patches("from crossbar import P\np = P()\np.x = 1\nself.y = 2") == []


@pytest.mark.parametrize(
    "module", [m for m in MODULES if m.count(".") == 1 and m != f"{PACKAGE}.testing"]
)
def test_every_module_of_the_core_can_be_imported_by_itself(module):
    # Not by grace of another one that was imported before, and without a reactor.
    script = (
        f"import sys, {module}; sys.exit('twisted.internet.reactor' in sys.modules"
        " or 'crossbar' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
