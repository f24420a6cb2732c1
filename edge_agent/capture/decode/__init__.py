"""From packets to pictures, and how many of them are decoded. No connection is opened here."""
