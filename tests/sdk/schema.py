"""The node's schema, compiled with the official compiler for as long as the process runs."""
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from grpc_tools import protoc

_proto = Path(__file__).parents[2] / "adapters" / "code-api" / "proto"
_generated = tempfile.TemporaryDirectory()
_files = sorted(str(path.name) for path in _proto.glob("*.proto"))
_includes = [f"-I{_proto}", f"-I{Path(protoc.__file__).parent / '_proto'}"]
_outputs = [f"--python_out={_generated.name}", f"--grpc_python_out={_generated.name}"]
if protoc.main(["protoc", *_includes, *_outputs, *_files]) != 0:
    sys.exit("the schema cannot be compiled")
sys.path.insert(0, _generated.name)


def modules(*names):
    return [import_module(name) for name in names]
