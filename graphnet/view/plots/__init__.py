"""Plots: `gn.plot.history(...)`, `gn.plot.activations(...)`, each a picture that saves itself."""
