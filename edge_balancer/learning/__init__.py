"""Offline learning: from recorded or simulated readings to a model file that the daemon may ask. Nothing here runs in
the daemon.

    recordings  ->  walk  ->  shards (the data set)  ->  candidates  ->  scores, loop  ->  export (ONNX and its card)

scikit-learn and onnx are loaded where they are used; the data set needs neither.
"""
