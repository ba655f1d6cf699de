"""The leaderboard: every attack and every defence that there are records of, on one page."""
