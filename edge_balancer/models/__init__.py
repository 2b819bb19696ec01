"""Learned forecasts as files: where they lie, which one is active, and running one with onnxruntime.

Imported only where a model is configured or handled: a controller that decides by the blend pays nothing for it.
"""
