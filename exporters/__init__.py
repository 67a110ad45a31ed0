"""Checkpoints to model packages: the master ONNX, its renderings, and the proof that each answers like the model."""
