"""The doors: HTTP, WebSocket, event streams. They decide nothing; they read `store`, and call `hub` to act."""
