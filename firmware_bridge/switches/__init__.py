"""Phase switches: the interlock, and the boards that it drives."""
