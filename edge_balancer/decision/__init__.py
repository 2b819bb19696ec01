"""Which houses move: triggers, the search, the price of a move, the safety guard, and the explanation. Pure."""
