"""Pages about accounts: the accounts of all users for administrators, and for each user the user's own
account."""
