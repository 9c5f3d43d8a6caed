"""What the agents compute with: search, amounts, schedules, choices and scenarios. Pure functions, no network."""
