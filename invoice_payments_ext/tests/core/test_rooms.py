import ast
from collections import defaultdict
from pathlib import Path

from odoo.tests import BaseCase, tagged

MODELS = Path(__file__).parents[2] / "models"
# From low to high: a room calls and imports its own floor's and lower ones only. It is
# called upwards through the tables of names that it reads, and the hooks it declares.
FLOORS = (
    ("states",),
    ("core",),
    ("attempts",),
    ("saved_methods",),
    ("charging", "external"),
    ("bills",),
    ("approvals",),
    ("refunds",),
    ("credit_notes", "write_offs"),
    ("credit",),
    ("section", "portal", "mail", "tie_out"),
)
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
# Every model has these, whoever refuses them.
ORM_METHODS = {"create", "write", "unlink"}
MAX_FILE = 400
MAX_FUNCTION = 60
MAX_SAME = 7


class Method:
    """A method of a model, and where it stands."""

    def __init__(self, path, model, node):
        self.path = path
        self.room = path.relative_to(MODELS).parts[0].removesuffix(".py")
        self.model = model
        self.node = node

    def __str__(self):
        return f"{self.room}: {self.model}.{self.node.name} ({self.path.name})"


def read_files():
    return {
        path: ast.parse(path.read_text())
        for path in sorted(MODELS.rglob("*.py"))
        if path.name != "__init__.py"
    }


def get_model(node):
    """Return the name of the model that a class makes or extends, if it is one."""
    values = {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in node.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id in ("_name", "_inherit")
    }
    inherited = values.get("_inherit", [])
    inherited = [inherited] if isinstance(inherited, str) else inherited
    return values.get("_name") or next(iter(inherited), None)


def read_methods(files):
    return [
        Method(path, model, statement)
        for path, tree in files.items()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and (model := get_model(node))
        for statement in node.body
        if isinstance(statement, ast.FunctionDef)
    ]


def get_calls(node):
    """Return the names of the methods that are called, on whatever record."""
    return {
        call.func.attr
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    }


def extends_another(node):
    """Tell if a method extends another one, as those do that extend Odoo's."""
    return any(
        isinstance(call, ast.Attribute)
        and call.attr == node.name
        and isinstance(call.value, ast.Call)
        and getattr(call.value.func, "id", "") == "super"
        for call in ast.walk(node)
    )


def get_length(node):
    """Return how many lines a function has, without its docstring."""
    first = node.body[0]
    is_documented = ast.get_docstring(node) is not None
    documented = first.end_lineno - first.lineno + 1 if is_documented else 0
    return node.end_lineno - node.lineno + 1 - documented


@tagged("post_install", "-at_install")
class TestRooms(BaseCase):
    """The house keeps its order: floors, short files, nothing twice."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = read_files()
        cls.methods = read_methods(cls.files)

    def test_no_room_calls_up(self):
        homes = defaultdict(list)
        for method in self.methods:
            is_odoo = method.node.name in ORM_METHODS or extends_another(method.node)
            if not is_odoo:
                homes[method.node.name].append(method)
        found = []
        for caller in self.methods:
            for name in get_calls(caller.node) & homes.keys():
                lowest = min(homes[name], key=lambda method: FLOOR[method.room])
                if FLOOR[lowest.room] > FLOOR[caller.room]:
                    found.append(f"{caller} calls up to {lowest}")
        self.assertFalse(found, "\n".join(found))

    def test_no_room_imports_up(self):
        found = []
        for path, tree in self.files.items():
            parts = path.relative_to(MODELS).with_suffix("").parts
            for node in ast.walk(tree):
                if not isinstance(node, ast.ImportFrom) or node.level != len(parts):
                    continue
                room = (node.module or "").split(".")[0]
                if FLOOR.get(room, 0) > FLOOR[parts[0]]:
                    found.append(f"{'/'.join(parts)} imports from {room}")
        self.assertFalse(found, "\n".join(found))

    def test_each_method_stands_once_on_a_model(self):
        seen = {}
        found = []
        for method in self.methods:
            key = method.model, method.node.name
            if key in seen:
                found.append(f"{method} stands in {seen[key]} already")
            seen[key] = method
        self.assertFalse(found, "\n".join(found))

    def test_short_files_and_functions(self):
        found = [
            f"{path.relative_to(MODELS)} has more than {MAX_FILE} lines"
            for path in self.files
            if len(path.read_text().splitlines()) > MAX_FILE
        ]
        found += [
            f"{path.relative_to(MODELS)}: {node.name} has more than {MAX_FUNCTION}"
            for path, tree in self.files.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and get_length(node) > MAX_FUNCTION
        ]
        self.assertFalse(found, "\n".join(found))

    def test_nothing_stands_twice(self):
        seen = {}
        found = []
        for path in self.files:
            lines = [line.strip() for line in path.read_text().splitlines()]
            lines = [
                line for line in lines if line and not line.startswith(("from ", "#"))
            ]
            for start in range(len(lines) - MAX_SAME):
                run = tuple(lines[start : start + MAX_SAME + 1])
                other = seen.setdefault(run, (path, start))
                if other != (path, start):
                    found.append(f"{path.name} and {other[0].name}: {run[0]}")
        self.assertFalse(found, "\n".join(found))
