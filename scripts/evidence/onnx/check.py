"""Runs every model below a folder in onnxruntime: largest differences from PyTorch's logits, of the row at once and token by token.
Of q4 also how many stored levels and scales are other than those of onnxruntime's own quantizer. A line of JSON each."""
import glob
import json
import os
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper
from onnxruntime.capi._pybind_state import quantize_matmul_4bits

BLOCK = 32


def run(session, ids, cache, start):
    feeds = {
        "input_ids": np.array([ids], dtype=np.int64),
        "attention_mask": np.ones((1, start + len(ids)), dtype=np.int64),
        "position_ids": np.arange(start, start + len(ids), dtype=np.int64)[None],
        **cache,
    }
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, feeds)))
    return outputs["logits"][0], {name.replace("present", "past_key_values"): outputs[name] for name in names if name != "logits"}


def initializers(path):
    return {made.name: numpy_helper.to_array(made) for made in onnx.load(path).graph.initializer}


def other_levels(place):
    """Stored values of the q4 file that onnxruntime's quantizer makes otherwise of the f32 file's weights."""
    f32 = initializers(f"{os.path.dirname(place)}/f32/onnx/model.onnx")
    q4 = initializers(f"{place}/onnx/model_q4.onnx")
    off = 0
    for name in (name[: -len("_q4")] for name in q4 if name.endswith("_q4")):
        weight = f32[name]
        n, k = weight.shape
        blocks = (k + BLOCK - 1) // BLOCK
        levels = np.zeros((n, blocks, BLOCK // 2), dtype=np.uint8)
        scales = np.zeros((n, blocks), dtype=np.float32)
        zeros = np.zeros((n, (blocks + 1) // 2), dtype=np.uint8)
        quantize_matmul_4bits(levels, np.ascontiguousarray(weight.T), scales, zeros, BLOCK, n, k, True)
        off += int((levels != q4[f"{name}_q4"]).sum() + (scales.reshape(-1) != q4[f"{name}_scales"]).sum())
    return off


for place in sorted(glob.glob(f"{sys.argv[1]}/goldens/*/*")):
    family, dtype = place.split("/")[-2:]
    [path] = glob.glob(f"{place}/onnx/*.onnx")
    onnx.checker.check_model(path, full_check=dtype != "q4")  # MatMulNBits is onnxruntime's, not ONNX's
    ids = json.load(open(f"{place}/row.json"))
    want = np.fromfile(f"{place}/logits.bin", dtype=np.float32).reshape(len(ids), -1)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    empty = {
        given.name: np.zeros([1, given.shape[1], 0, given.shape[3]], dtype=np.float16 if "float16" in given.type else np.float32)
        for given in session.get_inputs()
        if given.name.startswith("past")
    }
    prefill, _ = run(session, ids, empty, 0)
    cache, decoded = empty, []
    for start, token in enumerate(ids):
        logits, cache = run(session, [token], cache, start)
        decoded.append(logits[0])
    worst = lambda got: float(np.abs(got - want).max())
    said = {"family": family, "dtype": dtype, "size": float(np.abs(want).max()), "prefill": worst(prefill), "decode": worst(np.stack(decoded))}
    print(json.dumps({**said, **({"levels": other_levels(place)} if dtype == "q4" else {})}))
