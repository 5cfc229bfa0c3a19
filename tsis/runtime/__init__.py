"""The composition root: settings, parameters, the DAG, and the one function that runs a stage."""
