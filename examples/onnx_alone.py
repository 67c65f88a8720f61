"""The expression of faces with ONNX Runtime alone: python examples/onnx_alone.py network.onnx face.jpg ...

The file is of `fer export`. Each picture shows one face. It may have any size.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1])
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
for path in sys.argv[2:]:
    face = np.asarray(Image.open(path).convert("L"), np.float32) / 255
    (row,), *_ = session.run(["probabilities"], {"faces": face[None]})
    print(f"{path}: {classes[row.argmax()]} {row.max():.2f}")
