"""The seed of everything that tests leave to chance; `pytest` prints it, and takes another from the environment."""

import os

NAME = "INSTAR_TEST_SEED"
SEED = int(os.environ.get(NAME, "20240602"))
