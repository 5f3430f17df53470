"""Greets."""

import wit_world


class WitWorld(wit_world.WitWorld):
    """One method for each function that wit/world.wit exports."""

    def hello(self, name: str) -> str:
        print(f"greeting {name}")
        return f"Hello, {name}!"
