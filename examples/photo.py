"""The faces of one picture: python examples/photo.py photo.jpg"""

import sys

import fer

model = fer.load("shipped")
(photo,) = model.predict(sys.argv[1])
for face in photo.faces:
    print(f"{face.label} {face.confidence:.2f} at {[round(side) for side in face.box]}")
if not photo.faces:
    print("no face found")
photo.draw().save("drawn.png")
print("wrote drawn.png")
