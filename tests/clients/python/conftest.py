"""The fixtures that every folder of Python clients shares."""

pytest_plugins = ["places", "ran", "emulated"]
