"""Compiles the Avro codec when the package is built or installed; without a C compiler it stays Python."""

import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_MODULE = "app/avro/codec.py"


class CompileHook(BuildHookInterface[Any]):
    """Puts the compiled module beside its source, in the tree for an editable install, in the wheel for others."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the same for each version
        """Compile; whatever prevents it is said and passed over."""
        try:
            _compile()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - mypyc ends the process where it can not go on
            self.app.display_warning(f"{_MODULE} is not compiled ({type(error).__name__}): Avro is left to fastavro")
            return
        build_data["artifacts"].append(f"app/avro/*{sysconfig.get_config_var('EXT_SUFFIX')}")
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def _compile() -> None:
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    # without the project's own configuration of mypy, whose plugins a build does not have
    modules = mypycify(
        ["--config-file=", "--explicit-package-bases", "--ignore-missing-imports", _MODULE], target_dir="build"
    )
    command = build_ext(Distribution({"name": "undelivered", "ext_modules": modules}))
    command.inplace = True
    command.ensure_finalized()
    command.run()
