"""Drawn crowd scenes with exact head points, for tests, samples and demonstrations: no photo of anybody is needed."""

from sdk.scenes.draw import draw_empty, draw_scene, save_scenes
from sdk.scenes.style import Scene, SceneStyle

__all__ = ["Scene", "SceneStyle", "draw_empty", "draw_scene", "save_scenes"]
