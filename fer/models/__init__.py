"""The networks: pure torch, from normalised planes [B, C, S, S] to logits [B, classes]."""
