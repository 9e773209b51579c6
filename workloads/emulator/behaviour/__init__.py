"""What the emulated providers do: how long they take, what they say, what they refuse, how they fail. No socket and no clock."""
