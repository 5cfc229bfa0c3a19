"""From raw market data to sessions, daily facts and bars."""
