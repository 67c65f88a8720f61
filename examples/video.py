"""The faces of a video or webcam over time: python examples/video.py talk.mp4"""

import sys

import fer

model = fer.load("shipped")
for frame in model.stream(sys.argv[1], every=5):
    for face in frame.faces:
        steady = model.classes[face.smoothed.argmax()]  # of the probabilities averaged over time
        print(f"{frame.time:8.2f} s  person {face.track}  {face.label} now, {steady} on average")
