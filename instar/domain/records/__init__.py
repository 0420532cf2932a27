"""What is written down: operations, upgrades and who came to which outcome, what is not tried again and until when."""
