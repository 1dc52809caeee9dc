"""Layers of the page's modules: which may import which, and that nothing is exported for nobody."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.support.paths import ROOT

# Each layer is a folder of modules, and may import its own modules and those of the layers named.
TEXTS = ("lora_ui/assets/texts",)
KIT = ("lora_ui/assets/kit", *TEXTS)
MODEL = ("lora_ui/assets/model", *KIT)
LIBRARY = ("lora_ui/assets/library", *MODEL)
UPLOADS = ("lora_ui/assets/uploads", *MODEL)
STACK = ("lora_ui/assets/stack", *LIBRARY, *UPLOADS)
GRID = ("lora_ui/assets/grid", *STACK)
OWN_TEXTS = ("ui/assets/texts", *TEXTS)
BASE = ("ui/assets/base", *MODEL, *OWN_TEXTS)
FIELDS = ("ui/assets/fields", *BASE)
INPUTS = ("ui/assets/inputs", *FIELDS)
RESULTS = ("ui/assets/results", *INPUTS)
MODELS = ("ui/assets/models", *BASE)
GRIDS = ("ui/assets/grid", *RESULTS)
RUN = ("ui/assets/run", *GRIDS)
QUEUE = ("ui/assets/queue", *RESULTS)
EXTENSION = ("lora_ui/assets", *GRID)
APP = ("ui/assets", *RUN, *QUEUE, *MODELS, *UPLOADS)
LAYERS: Mapping[str, tuple[str, ...]] = {
    allowed[0]: allowed
    for allowed in (
        TEXTS, KIT, MODEL, LIBRARY, UPLOADS, STACK, GRID, EXTENSION,
        OWN_TEXTS, BASE, FIELDS, INPUTS, RESULTS, GRIDS, MODELS, RUN, QUEUE, APP,
    )
}  # fmt: skip

OF_GRADIO = "ui/assets/base/core.name"  # one of its own modules
# Where the modules of an address are.
FOLDERS = {
    "lora_ui/assets": ROOT / "lora_ui" / "assets",
    "ui/assets": ROOT / "wan_lora_studio" / "ui" / "assets",
}
PYTHON = (ROOT / "lora_ui", ROOT / "wan_lora_studio" / "ui")

STATIC = re.compile(
    r'^(?:import|export)\b(?P<names>[^"\';]*?)\bfrom "(?P<path>[^"]+)"', re.MULTILINE
)
BARE = re.compile(r'^import "(?P<path>[^"]+)"', re.MULTILINE)
DYNAMIC = re.compile(r"\bimport\(\s*(?P<what>[^)]*)\)")
EXPORTED = re.compile(r"^export (?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)
EXPORT_LIST = re.compile(r"^export \{([^}]*)\}", re.MULTILINE)
MOUNTED = re.compile(r'"([\w/]+\.js)"')
CALLED = re.compile(r'_script\(\s*"([\w/]+)",\s*"(\w+)"')


@dataclass(frozen=True)
class Module:
    """A module by its address, without the slash at the front, and its text."""

    address: str
    text: str

    @property
    def layer(self) -> str:
        return posixpath.dirname(self.address)

    @property
    def imports(self) -> list[str]:
        """Addresses of what it imports, at the top or while it runs."""
        found = [match["path"] for match in STATIC.finditer(self.text)]
        found += [match["path"] for match in BARE.finditer(self.text)]
        for match in DYNAMIC.finditer(self.text):
            what = match["what"].strip().strip(",")
            # Another expression is kept as it is, and stands in no layer.
            found.append(what.strip('"') if what.startswith('"') else what)
        return [self.beside(path) for path in found]

    def beside(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.layer, path))

    @property
    def exports(self) -> set[str]:
        listed = ",".join(EXPORT_LIST.findall(self.text)).split(",")
        names = {item.split(" as ")[-1].strip() for item in listed}
        return set(EXPORTED.findall(self.text)) | (names - {""})

    def uses(self) -> Iterator[tuple[str, str]]:
        """Each name that it takes from another module, with that module's address."""
        for match in STATIC.finditer(self.text):
            address, names = self.beside(match["path"]), match["names"].strip()
            if space := re.fullmatch(r"\* as (\w+)", names):
                used = re.findall(rf"\b{space[1]}\.(\w+)", self.text)
            else:
                used = [item.split(" as ")[0].strip() for item in names.strip("{} \n").split(",")]
            yield from ((address, name) for name in used if name)


def modules_of_the_page() -> dict[str, Module]:
    return {
        address: Module(address, path.read_text(encoding="utf-8"))
        for prefix, folder in FOLDERS.items()
        for path in sorted(folder.rglob("*.js"))
        for address in [f"{prefix}/{path.relative_to(folder).as_posix()}"]
    }


def wrong_imports(modules: Mapping[str, Module]) -> list[str]:
    """Imports that go up or aside, or to a module that is not there."""
    return [
        f"{module.address} imports {imported}"
        for module in modules.values()
        for imported in module.imports
        if imported != OF_GRADIO
        if imported not in modules
        or modules[imported].layer not in LAYERS.get(module.layer, (module.layer,))
    ]


def circles(modules: Mapping[str, Module]) -> list[str]:
    """Circles of files that import one another."""
    done: set[str] = set()
    found: list[str] = []

    def visit(address: str, path: tuple[str, ...]) -> None:
        if address in path:
            found.append(" → ".join((*path[path.index(address) :], address)))
        elif address in modules and address not in done:
            for imported in modules[address].imports:
                visit(imported, (*path, address))
            done.add(address)

    for address in modules:
        visit(address, ())
    return found


def outside(modules: Mapping[str, Module]) -> list[str]:
    return [module.address for module in modules.values() if module.layer not in LAYERS]


def entries() -> set[tuple[str, str]]:
    """What Gradio's side calls: `mount` of a panel's module, and functions of event handlers."""
    texts = [path.read_text(encoding="utf-8") for folder in PYTHON for path in folder.rglob("*.py")]
    mounted = {name for text in texts for name in MOUNTED.findall(text)}
    called = {found for text in texts for found in CALLED.findall(text)}
    return {(f"{prefix}/{name}", "mount") for prefix in FOLDERS for name in mounted} | {
        (f"{prefix}/{name}.js", function) for prefix in FOLDERS for name, function in called
    }


def exported_for_nobody(modules: Mapping[str, Module], called: set[tuple[str, str]]) -> list[str]:
    used = {use for module in modules.values() for use in module.uses()} | called
    return [
        f"{module.address}: {name}"
        for module in modules.values()
        for name in sorted(module.exports)
        if (module.address, name) not in used
    ]


@pytest.fixture(scope="module")
def page() -> dict[str, Module]:
    return modules_of_the_page()


def test_modules_import_only_from_their_layer_and_those_below(page: dict[str, Module]) -> None:
    assert wrong_imports(page) == []


def test_no_files_import_one_another_in_a_circle(page: dict[str, Module]) -> None:
    assert circles(page) == []


def test_every_module_is_in_a_layer_and_every_layer_has_some(page: dict[str, Module]) -> None:
    assert outside(page) == []
    assert {module.layer for module in page.values()} == set(LAYERS)


def test_every_export_is_imported_or_called_by_gradio(page: dict[str, Module]) -> None:
    assert exported_for_nobody(page, entries()) == []


def made(**texts: str) -> dict[str, Module]:
    """Modules from `layer__name=text`."""
    named = {name.replace("__", "/"): text for name, text in texts.items()}
    addresses = {f"lora_ui/assets/{name}.js": text for name, text in named.items()}
    return {address: Module(address, text) for address, text in addresses.items()}


@pytest.mark.parametrize(
    "text",
    [
        'import { a } from "../model/store.js";',
        'import "../model/store.js";',
        'export { a } from "../model/store.js";',
        'const { a } = await import("../model/store.js");',
        "import(name);",
        'import { a } from "./absent.js";',
    ],
)
def test_a_wrong_import_is_found(text: str) -> None:
    modules = made(kit__dom=text, model__store="export const a = 1;\n")
    assert len(wrong_imports(modules)) == 1


def test_an_import_from_below_is_right() -> None:
    text = 'import {\n  el,\n  icon,\n} from "../kit/dom.js";\n'
    assert wrong_imports(made(model__store=text, kit__dom="")) == []


def test_a_circle_is_found_once() -> None:
    modules = made(
        kit__a='import "./b.js";',
        kit__b='export async function load() {\n  await import("./c.js");\n}\n',
        kit__c='import { x } from "./a.js";',
        kit__d='import "./a.js";',
    )
    names = " → ".join(f"lora_ui/assets/kit/{name}.js" for name in "abca")
    assert circles(modules) == [names]


def test_a_module_outside_the_layers_is_found() -> None:
    assert outside(made(other__dom="")) == ["lora_ui/assets/other/dom.js"]


def test_an_export_for_nobody_is_found() -> None:
    modules = made(
        kit__dom="export function el() {}\nexport const icon = 1;\nexport class Box {}\n",
        model__store='import * as dom from "../kit/dom.js";\ndom.icon;\nexport function mount() {}',
        model__words='import { el as make } from "../kit/dom.js";\n',
    )
    called = {("lora_ui/assets/model/store.js", "mount")}
    assert exported_for_nobody(modules, called) == ["lora_ui/assets/kit/dom.js: Box"]
