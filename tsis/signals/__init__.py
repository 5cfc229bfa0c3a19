"""From probabilities to proposals."""
