"""What is expected of the lake beyond columns and rows: across rows, sessions and tables."""
