"""The bridge's configuration as typed models, and how it is read where the bridge runs alone."""
