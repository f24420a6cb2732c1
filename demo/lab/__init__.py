"""``make lab``: broker, centre, console, two real agents and a simulated city on one machine."""
