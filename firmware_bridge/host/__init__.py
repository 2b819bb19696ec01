"""What both programs need of the machine they run on, and of the broker's connection. Nothing of meters or switches."""
