"""Pages about accounts: those of all users for administrators, and the own one of each user."""
