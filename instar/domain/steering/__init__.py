"""What an operator can do beyond the original, decided: pause, hold, approval, when the next step may be taken."""
