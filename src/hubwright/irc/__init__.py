"""The bot on IRC: a door like the web, through which people start builds."""
