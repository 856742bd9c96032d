"""What the program stands on: settings, database, messages, clock, logs."""
