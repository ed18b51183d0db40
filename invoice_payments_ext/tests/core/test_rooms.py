"""The rooms of `models/` call only down: read from the code, without running it."""

import ast
from pathlib import Path

from odoo.tests import BaseCase, TransactionCase, tagged

MODELS = Path(__file__).parents[2] / "models"
# From low to high: a room calls its own floor's methods and those of the floors below.
# Upwards it calls by the names in a table of its own, or by a hook that it declares.
ROOMS = (
    "states core attempts saved_methods gateways charging external bills approvals "
    "refunds credit_notes write_offs credit taken_back mistakes promises collection "
    "runs section portal mail statement tie_out movements board"
).split()
MAX_FILE, MAX_FUNCTION, MAX_SAME = 400, 60, 7


def get_floor(path):
    return ROOMS.index(path.replace(".", "/").split("/")[0])


def is_super(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "super"


def extends(method):
    """Tell if a method calls the method that it overrides."""
    return any(
        isinstance(node, ast.Attribute)
        and (node.attr, is_super(node.value)) == (method.name, True)
        for node in ast.walk(method)
    )


def get_model(node):
    """Return the model that a class makes or extends; an empty text if it is none."""
    values = [
        each for each in getattr(node, "body", ()) if isinstance(each, ast.Assign)
    ]
    values = {ast.unparse(each.targets[0]): each.value for each in values}
    value = values.get("_name") or values.get("_inherit")
    return ast.literal_eval(value) if value else ""


def get_names_called(node):
    """Return the methods that some code calls, hands over, or gives to a door."""
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and not is_super(each.value):
            if ast.unparse(each.value) != "door":
                yield each.attr
        elif isinstance(each, ast.Call) and ast.unparse(each.func) in (
            "Door",
            "getattr",
        ):
            values = [*each.args[1:], *(keyword.value for keyword in each.keywords)]
            yield from (
                value.value for value in values if isinstance(value, ast.Constant)
            )


class RoomsMixin:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        files = [path for path in MODELS.rglob("*.py") if path.name != "__init__.py"]
        cls.texts = {str(path.relative_to(MODELS)): path.read_text() for path in files}
        cls.trees = {path: ast.parse(text) for path, text in sorted(cls.texts.items())}
        cls.methods = [
            (path, get_model(outer), node)
            for path, tree in cls.trees.items()
            for outer in filter(get_model, tree.body)
            for node in outer.body
            if isinstance(node, ast.FunctionDef)
        ]


@tagged("post_install", "-at_install")
class TestRooms(RoomsMixin, BaseCase):
    def test_all_tests_are_imported(self):
        """Odoo runs those of `tests/__init__.py` only."""
        tests = MODELS.parent / "tests"
        source = ast.parse((tests / "__init__.py").read_text())
        imported = {
            "/".join(filter(None, (node.module, name.name)))
            for node in ast.walk(source)
            if isinstance(node, ast.ImportFrom)
            for name in node.names
        }
        found = {
            str(path.relative_to(tests).with_suffix(""))
            for path in tests.rglob("test_*.py")
        }
        self.assertEqual(imported, found)

    def test_no_room_calls_up(self):
        lowest = {}  # An extension of Odoo's own method is called through that method.
        for path, _model, method in self.methods:
            rank = (get_floor(path), not extends(method))
            lowest[method.name] = min(rank, lowest.get(method.name, rank))
        owned = {name: floor for name, (floor, is_own) in lowest.items() if is_own}
        for path, tree in self.trees.items():
            for top in tree.body:
                for caller in top.body if isinstance(top, ast.ClassDef) else [top]:
                    name = getattr(caller, "name", f"line {caller.lineno}")
                    for callee in owned.keys() & set(get_names_called(caller)):
                        room = ROOMS[owned[callee]]
                        with self.subTest(f"{path}: {name} calls {callee} of {room}"):
                            self.assertLessEqual(owned[callee], get_floor(path))
                if isinstance(top, ast.ImportFrom) and top.level == path.count("/") + 1:
                    with self.subTest(f"{path} imports from {top.module}"):
                        self.assertLessEqual(get_floor(top.module), get_floor(path))

    def test_short_files_and_functions(self):
        for path, tree in self.trees.items():
            with self.subTest(path):
                self.assertLessEqual(self.texts[path].count("\n"), MAX_FILE)
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    length = node.end_lineno - node.lineno + 1
                    with self.subTest(f"{path}: {node.name}"):
                        self.assertLessEqual(length, MAX_FUNCTION)

    def test_each_method_is_overridden_once(self):
        seen = {}  # A hook stands where it is declared, and where it is extended.
        for path, model, method in self.methods:
            key = model, method.name, extends(method)
            with self.subTest(f"{path}: {model}.{method.name}"):
                self.assertEqual(seen.setdefault(key, path), path)

    def test_nothing_stands_twice(self):
        seen = {}
        for path, text in self.texts.items():
            lines = [
                (number, line.strip())
                for number, line in enumerate(text.splitlines(), 1)
            ]
            lines = [
                each
                for each in lines
                if each[1] and each[1][:5] not in ("impor", "from ")
            ]
            for start in range(len(lines) - MAX_SAME):
                numbers, run = zip(*lines[start : start + MAX_SAME + 1], strict=True)
                place = f"{path}:{numbers[0]}"
                with self.subTest(place):
                    self.assertEqual(seen.setdefault(run, place), place)


@tagged("post_install", "-at_install")
class TestFieldsOfRooms(RoomsMixin, TransactionCase):
    """A room reads the fields of Odoo's models that it has, or that lower rooms add."""

    def get_added_fields(self):
        """Return the floors of the fields that the addon adds to Odoo's models."""
        floors, added = {}, set()
        for path, tree in self.trees.items():
            for outer in filter(get_model, tree.body):
                model = self.env.registry[get_model(outer)]
                for node in outer.body:
                    if not isinstance(node, ast.Assign):
                        continue
                    name = ast.unparse(node.targets[0])
                    field = model._fields.get(name)
                    if not field or field._modules[:1] != ("invoice_payments_ext",):
                        continue
                    floors[name] = min(get_floor(path), floors.get(name, len(ROOMS)))
                    if model._original_module != "invoice_payments_ext":
                        added.add(name)
        return {name: floors[name] for name in added}

    def test_no_room_reads_up(self):
        """Tables of names are hooks: they stand outside of methods."""
        added = self.get_added_fields()
        self.assertIn("written_off_invoice_id", added)
        for path, _model, method in self.methods:
            for node in ast.walk(method):
                names = ()
                if isinstance(node, ast.Attribute):
                    names = (node.attr,)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    names = node.value.split(".")
                for name in added.keys() & set(names):
                    with self.subTest(f"{path}: {method.name} reads {name}"):
                        self.assertLessEqual(added[name], get_floor(path))
