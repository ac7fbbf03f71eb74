"""What the hub does: understands deliveries, plans builds, leases runs, keeps logs. Owns every transaction."""
