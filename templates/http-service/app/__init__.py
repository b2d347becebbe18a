"""{{ service }} {{ component }}, a service of {{ project }}."""
