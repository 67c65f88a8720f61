"""A network at work: from face crops to the probabilities of their classes."""

from fer.inference.model import Model, load

__all__ = ["Model", "load"]
