"""What an operator can do beyond the original, decided: pause, hold, approval, waves, windows, events, judges. Pure."""
