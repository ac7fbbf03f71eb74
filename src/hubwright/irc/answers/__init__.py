"""What the bot answers to each command: classes whose methods take a request and give lines."""
