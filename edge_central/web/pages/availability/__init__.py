"""Pages of availability: the reports of a month, and the timelines on the page of a site."""
