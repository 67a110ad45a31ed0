"""Labelled photos to checkpoints: data, targets, networks, losses, and the trainer."""
