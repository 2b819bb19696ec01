"""The whole configuration as typed models.

`feeder`, `houses`, `policy`, `services` hold the models (pure data, usable from the pure core); `load` reads them from
file, environment and credentials; `check` names every problem at once; `reference` writes the documentation.
"""
