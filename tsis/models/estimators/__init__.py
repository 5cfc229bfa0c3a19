"""Ways to learn: each module binds an `Estimator`."""
