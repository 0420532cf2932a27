"""What simulated machines answer when they are asked how they are: computed, or over real sockets."""
