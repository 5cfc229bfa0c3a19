"""Feature banks, one file each, and the stage that folds them over the bars."""
