"""Pages about accounts: those of all users for administrators, and the user's account for each user."""
