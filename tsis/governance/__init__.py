"""What makes a result believable: runs, lineage, trials, versions, models."""
